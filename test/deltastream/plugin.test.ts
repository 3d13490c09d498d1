/** Which plugin decodes, and what is said of a publication before anything is followed. */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { Server, type ServerOptions } from '../../dev/postgres.js';
import { runToEnd } from '../support/stream.js';
import { temporaryFolder } from '../support/folder.js';

let server: Server;
before(async () => {
  server = await Server.start();
  await server.query(`
    create role app login replication; create role other login; create schema sales authorization app;
    grant create on database postgres to app;
    set role app; create table sales.a (id int primary key, twice int generated always as (id * 2) stored); create table sales.bare (v text);
    reset role; create table sales.foreign_owned (id int primary key); alter table sales.foreign_owned owner to other;
    create table public.mine (id int primary key)`);
});
after(() => server.stop());

async function other(t: TestContext, options: ServerOptions): Promise<Server> {
  const own = await Server.start(options);
  t.after(() => own.stop());
  return own;
}

interface Told { readonly code: number | null; readonly stdout: string }

function doctor(url: string, ...args: string[]): Promise<Told> {
  return runToEnd('doctor', '--pg', url, ...args);
}

test('auto is our plugin where the server has it, pgoutput where not, and the slot\'s where there is one', async (t) => {
  assert.match((await doctor(server.url(), '--slot', 'x', '--create-slot')).stdout, /info: plugin deltastream: the server has it\n/);
  const bare = await other(t, { plugin: false });
  const { code, stdout } = await doctor(bare.url(), '--slot', 'x', '--create-slot');
  assert.match(stdout, /info: plugin pgoutput: deltastream cannot be used: [^\n]+\n/);
  assert.equal(code, 0, stdout);
  await server.query('create publication y');
  await server.query("select pg_create_logical_replication_slot('y', 'pgoutput')");
  assert.match((await doctor(server.url(), '--slot', 'y')).stdout, /info: plugin pgoutput: slot "y" was made with it\n/);
  await server.query("select pg_drop_replication_slot('y')");
  await server.query('drop publication y');
});

test('a slot of another plugin than --plugin says is refused in one line', async (t) => {
  await server.query("select pg_create_logical_replication_slot('ours', 'deltastream')");
  t.after(() => server.query("select pg_drop_replication_slot('ours')"));
  const { code, stderr } = await runToEnd('--pg', server.url(), '--slot', 'ours', '--plugin', 'pgoutput', '--out', temporaryFolder(t));
  assert.match(stderr, /deltastream: slot "ours": was made with the plugin deltastream, --plugin says pgoutput — leave out --plugin, or choose another --slot\n$/);
  assert.equal(code, 1);
});

test('what pg_recvlogical prints of pgoutput is no log', async (t) => {
  const { code, stderr } = await runToEnd('--stdin', '--slot', 'x', '--plugin', 'pgoutput', '--out', temporaryFolder(t));
  assert.match(stderr, /^deltastream: --plugin pgoutput: what it sends is not the log's lines — leave out --stdin[^\n]*\n$/);
  assert.equal(code, 2);
});

test('tables that cannot be published are named with their cures, those of others with their owners', async () => {
  const { code, stdout } = await doctor(server.url('postgres', 'app'), '--slot', 'x', '--create-slot', '--plugin', 'pgoutput', '--tables', 'sales.*');
  const lines = stdout.split('\n').filter((line) => line.startsWith('warning') || line.startsWith('error'));
  assert.equal(lines.length, 3, stdout);
  assert.match(stdout, /warning: table sales\.foreign_owned: it is not in the publication x, and this role may not add it: it is not in the log — as role "other": BEGIN; LOCK TABLE ONLY sales\.foreign_owned IN SHARE ROW EXCLUSIVE MODE; ALTER PUBLICATION "x" ADD TABLE ONLY sales\.foreign_owned; COMMIT;\n/);
  assert.match(stdout, /warning: table sales\.bare: is not in the log: it has no replica identity, [^\n]* — ALTER TABLE sales\.bare ADD PRIMARY KEY \(…\); or ALTER TABLE sales\.bare REPLICA IDENTITY FULL;\n/);
  assert.match(stdout, /warning: generated columns: are not in the log of sales\.a \(twice\): pgoutput sends them from PostgreSQL 18 on — /);
  assert.equal(code, 0);
});

test('a table of another role that is asked for by name stops the slot from being made', async (t) => {
  const { code, stderr } = await runToEnd('--pg', server.url('postgres', 'app'), '--slot', 'x', '--create-slot', '--plugin', 'pgoutput', '--tables', 'sales.foreign_owned', '--out', temporaryFolder(t));
  assert.match(stderr, /deltastream: table sales\.foreign_owned: belongs to role "other", who alone may publish it — GRANT "other" TO [^\n]*--print \| psql -1 as who may\n$/);
  assert.equal(code, 1);
  assert.deepEqual(await server.query("select pubname from pg_publication where pubname = 'x'"), []);
});

test('a publication that is not a list of whole tables is refused', async (t) => {
  const own = await other(t, {});
  await own.query("create table a (id int primary key); create publication everything for all tables; create publication schema_wide for tables in schema public; create publication narrow for table a (id) where (id > 1)");
  for (const name of ['everything', 'schema_wide']) {
    const { code, stdout } = await doctor(own.url(), '--slot', name, '--create-slot', '--plugin', 'pgoutput');
    assert.match(stdout, new RegExp(`error: publication "${name}": is for all tables, or for those of a schema; [^\n]* — DROP PUBLICATION "${name}"; `));
    assert.equal(code, 1);
  }
  assert.match((await doctor(own.url(), '--slot', 'narrow', '--create-slot', '--plugin', 'pgoutput')).stdout, /error: table public\.a: the publication narrow has a row filter for it — ALTER PUBLICATION "narrow" DROP TABLE ONLY public\.a; and deltastream adds it again\n/);
  const foreign = await doctor(own.url(), '--slot', 'narrow', '--create-slot', '--plugin', 'pgoutput', '--tables', 'a');
  assert.match(foreign.stdout, /error: publication "narrow": is there, and deltastream did not make it — choose another --slot; or, if nobody needs it: DROP PUBLICATION "narrow"; or, [^\n]*: COMMENT ON PUBLICATION "narrow" IS 'made by deltastream \{"partitions":"root","tables":\[\["public","a"\]\]\}';\n/);
  assert.match((await runToEnd('setup', '--pg', own.url(), '--slot', 'narrow', '--plugin', 'pgoutput')).stderr, /^deltastream: publication "narrow": is there, and deltastream did not make it — /);
  assert.equal((await runToEnd('drop', '--pg', own.url(), '--slot', 'narrow')).stdout, 'left publication "narrow": deltastream did not make it\n');
  await own.query("select pg_create_logical_replication_slot('lonely', 'pgoutput')");
  assert.match((await doctor(own.url(), '--slot', 'lonely')).stdout, /error: publication "lonely": does not exist, and slot "lonely" sends nothing without it — /);
});

test('a role that may not make a publication is told what to type, and by whom', async () => {
  await server.query('create role small login replication');
  const { code, stdout } = await doctor(server.url('postgres', 'small'), '--slot', 'x', '--create-slot', '--plugin', 'pgoutput', '--tables', 'public.nothing_here');
  assert.match(stdout, /error: role "small": may not make a publication in database "postgres" — GRANT CREATE ON DATABASE "postgres" TO "small"; or deltastream setup --slot x --plugin pgoutput --print \| psql -1 as who may\n/);
  assert.equal(code, 1);
});
