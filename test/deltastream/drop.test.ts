/** What setup makes for a slot of pgoutput, and that drop leaves nothing of it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { temporaryFolder } from '../support/folder.js';
import { follow, runToEnd } from '../support/stream.js';
import { until } from '../support/wait.js';

let server: Server;
before(async () => {
  server = await Server.start();
  await server.query(`
    create role app login replication; grant create on database postgres to app;
    create table a (id int primary key); create table b (id int primary key); create table bare (v text);
    create schema sales; create table sales.c (id int primary key)`);
});
after(() => server.stop());

async function published(name: string): Promise<string[]> {
  return (await server.query<{ table: string }>(`select format('%s.%s', schemaname, tablename) as table from pg_publication_tables where pubname = '${name}' order by 1`)).map(({ table }) => table);
}

/** All that deltastream may have made. */
async function left(): Promise<string[]> {
  const rows = await server.query<{ what: string }>(`
    select 'slot ' || slot_name as what from pg_replication_slots union all select 'publication ' || pubname from pg_publication
    union all select 'trigger ' || evtname from pg_event_trigger union all select 'schema' from pg_namespace where nspname = 'deltastream' order by 1`);
  return rows.map(({ what }) => what);
}

test('setup makes the publication beside the event triggers, twice as once, and undo removes both', async () => {
  const args = ['setup', '--pg', server.url(), '--slot', 'fleet', '--plugin', 'pgoutput', '--tables', 'a,sales.*,bare'];
  const { code, stdout } = await runToEnd(...args);
  assert.match(stdout, /^[^\n]*: publication "fleet" made, of what is followed and can be published\n[^\n]*: event triggers installed; [^\n]*\n$/);
  assert.equal(code, 0);
  assert.deepEqual(await published('fleet'), ['public.a', 'sales.c']);
  const [settings] = await server.query("select pubinsert and pubupdate and pubdelete and pubtruncate as all, pubviaroot as root, obj_description(oid, 'pg_publication') as comment from pg_publication");
  assert.deepEqual(settings, { all: true, root: true, comment: 'made by deltastream {"partitions":"root","tables":[["public","a"],["sales",null],["public","bare"]]}' });
  assert.match((await runToEnd(...args)).stdout, /: publication "fleet" is as it should be\n/);
  await runToEnd(...args.slice(0, -1), 'b', '--partitions', 'leaf');
  assert.deepEqual(await published('fleet'), ['public.b']);
  assert.match((await runToEnd(...args, '--undo')).stdout, /: publication "fleet" removed\n[^\n]*: event triggers removed; /);
  assert.deepEqual(await left(), []);
});

test('what setup prints does the same by somebody who may, for tables of every owner', async () => {
  await server.query('grant usage on schema sales to app; alter table a owner to app');
  const args = ['--pg', server.url('postgres', 'app'), '--slot', 'fleet', '--plugin', 'pgoutput', '--tables', 'a,sales.c'];
  const printed = await runToEnd('setup', ...args, '--print');
  assert.deepEqual(await left(), []);
  await server.query(printed.stdout);
  assert.deepEqual(await published('fleet'), ['public.a', 'sales.c']);
  await server.query((await runToEnd('setup', ...args, '--undo', '--print')).stdout);
  assert.deepEqual(await left(), []);
});

test('drop refuses a slot that is read, and then removes the slot, the publication and the event triggers', async (t) => {
  await runToEnd('setup', '--pg', server.url());
  const stream = await follow(t, server, 'fleet', temporaryFolder(t), '--create-slot', '--plugin', 'pgoutput', '--tables', 'a,b');
  const busy = await runToEnd('drop', '--pg', server.url(), '--slot', 'fleet');
  assert.match(busy.stderr, /^deltastream: slot "fleet": is being read by pid \d+ \([^)]*\); nothing was removed — stop that process, then drop again\n$/);
  assert.equal(busy.code, 1);
  const [first, ...others] = await left();
  assert.equal(first, 'publication fleet');
  assert.ok(others.includes('slot fleet') && others.includes('schema'));
  await stream.kill('SIGTERM');
  await until('the slot to be free', async () => (await server.query("select from pg_replication_slots where active")).length === 0);
  const { code, stdout } = await runToEnd('drop', '--pg', server.url(), '--slot', 'fleet');
  assert.equal(stdout, 'removed slot "fleet"\nremoved publication "fleet"\nremoved the event triggers, their functions and the schema deltastream\n');
  assert.equal(code, 0);
  assert.deepEqual(await left(), []);
  assert.match((await runToEnd('drop', '--pg', server.url(), '--slot', 'fleet')).stdout, /: nothing of slot "fleet" is there\n$/);
});

test('drop leaves the event triggers to another slot that they serve, and what is another role\'s to it', async () => {
  await runToEnd('setup', '--pg', server.url(), '--slot', 'first', '--plugin', 'pgoutput', '--tables', 'b');
  await server.query("select pg_create_logical_replication_slot('second', 'deltastream')");
  const foreign = await runToEnd('drop', '--pg', server.url('postgres', 'app'), '--slot', 'first');
  assert.match(foreign.stdout, /^left publication "first": belongs to role "postgres" — as that role: DROP PUBLICATION "first";\nleft the event triggers[^\n]*: they serve publication "first", slot "second" too; [^\n]*\n$/);
  assert.equal(foreign.code, 1);
  assert.match((await runToEnd('drop', '--pg', server.url(), '--slot', 'first')).stdout, /^removed publication "first"\nleft the event triggers[^\n]*: they serve slot "second" too; without these: deltastream setup --undo\n$/);
  assert.match((await runToEnd('drop', '--pg', server.url(), '--slot', 'second')).stdout, /^removed slot "second"\nremoved the event triggers/);
  assert.deepEqual(await left(), []);
});

test('a slot that deltastream did not make is left alone', async () => {
  await server.query("select pg_create_logical_replication_slot('theirs', 'test_decoding')");
  const { code, stderr } = await runToEnd('drop', '--pg', server.url(), '--slot', 'theirs');
  assert.match(stderr, /^deltastream: slot "theirs": belongs to the plugin test_decoding, deltastream did not make it — choose another --slot\n$/);
  assert.equal(code, 1);
  await server.query("select pg_drop_replication_slot('theirs')");
});
