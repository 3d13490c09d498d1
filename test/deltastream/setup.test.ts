/** What `deltastream setup` installs, seen by what comes out of a slot of the plugin that asks for its messages. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { runToEnd } from '../support/stream.js';

let server: Server;
let oids: (...names: string[]) => Promise<string>;

before(async () => {
  server = await Server.start();
  await server.query(`
    create role plain login; grant create on database postgres to plain; grant create on schema public to plain;
    create type mood as enum ('sad', 'ok');
    create domain dmood as mood;
    create type pair as (a int, m mood);
    create type span as range (subtype = mood);
    create table plain_table (id int primary key, note text);
    create index plain_index on plain_table (note);
    create table moods (id int primary key, m mood);
    create table arrays (id int primary key, m dmood[]);
    create table pairs (id int primary key, p pair[]);
    create table spans (id int primary key, s span_multirange);
    create table spot (x int, y int);
    create table holder (id int primary key, s spot); create domain positive as int; create table positives (p positive);
    create table parts (id int, m mood, primary key (id)) partition by range (id);
    create table parts_1 partition of parts for values from (0) to (10);
    create schema other; create table other.t (id int primary key);`);
  await server.query("select pg_create_logical_replication_slot('s', 'deltastream')");
  oids = async (...names) => {
    const [{ text }] = await server.query<{ text: string }>(`select string_agg(o::text, ' ' order by o) as text from (select name::regclass::oid o from unnest(array['${names.join("','")}']) name) x`);
    return text;
  };
  const made = await runToEnd('setup', '--pg', server.url());
  assert.equal(made.code, 0, made.stderr);
});
after(() => server.stop());

/** The control messages of what was committed since the last call, oids in order, without those that change nothing. */
async function told(): Promise<string[]> {
  const rows = await server.query<{ data: string }>("select data from pg_logical_slot_get_changes('s', null, null, 'messages', 'deltastream')");
  const contents = rows.flatMap(({ data }) => [...data.matchAll(/^_xid\t\d+\t_action\tmessage\t_prefix\tdeltastream\t_content\t(.*)$/gm)].map(([, content]) => content));
  return contents.map((content) => {
    const [word, ...named] = content.split(' ');
    return [word, ...new Set(named.map(Number).sort((a, b) => a - b))].join(' ');
  });
}

async function tellsOf(sql: string): Promise<string[]> {
  await told();
  await server.query(sql);
  return told();
}

test('each schema change of a table looks at it, in its own transaction', async () => {
  const look = `look ${await oids('plain_table')}`;
  for (const sql of [
    'alter table plain_table add column extra int default 7',
    'alter table plain_table rename column extra to more',
    'alter table plain_table alter column more type bigint',
    'alter table plain_table drop column more',
    'alter table plain_table replica identity full',
    'create index made on plain_table (note, id)',
    'create index concurrently made_too on plain_table (note desc)',
    'alter index made rename to named',
    "comment on table plain_table is 'a table'",
    "comment on column plain_table.note is 'a column'",
    'alter table plain_table add constraint uniq unique (note)',
    'alter table plain_table rename constraint uniq to uniq_2',
    'alter table plain_table drop constraint uniq_2',
  ]) assert.ok((await tellsOf(sql)).includes(look), sql);
  assert.deepEqual(await tellsOf('begin; alter table plain_table add column gone int; rollback'), []);
});

test('a table that comes and one that goes are told, whoever makes them and from wherever', async () => {
  const made = async (sql: string, name: string) => {
    const tells = await tellsOf(sql);
    const look = `look ${await oids(name)}`;
    assert.ok(tells.includes(look), `${sql}: ${tells}`);
    return look;
  };
  const first = await made('create table t1 (id int primary key)', 't1');
  assert.ok((await tellsOf('drop table t1')).some((tell) => tell.includes(first.slice(5))));
  await made('create table t2 as select 1 as id', 't2');
  await made('select 1 as id into t3', 't3');
  await made("do $$ begin create table t4 (id int); end $$", 't4');
  await made("create function make() returns void language plpgsql as $$ begin begin execute 'create table t5 (id int)'; exception when others then null; end; end $$; select make()", 't5');
  await made('create schema made create table t6 (id int)', 'made.t6');
  await made('set role plain; set search_path = nowhere; create table public.t7 (id int)', 't7');
  await made('set session_replication_role = replica; create table t8 (id int)', 't8');
});

test('a dropped index looks at its table, a dropped partition at its root', async () => {
  const table = await oids('plain_table');
  assert.match((await tellsOf('drop index plain_index')).join(), new RegExp(`\\b${table}\\b`));
  await server.query('create index again on plain_table (note)');
  assert.match((await tellsOf('drop index concurrently again')).join(), new RegExp(`\\b${table}\\b`));
  await server.query('create table parts_2 partition of parts for values from (10) to (20)');
  assert.match((await tellsOf('drop table parts_2')).join(), new RegExp(`\\b${await oids('parts')}\\b`));
});

test('a renamed schema looks at all its tables, and at those with a type of it', async () => {
  await server.query("create type other.color as enum ('red'); create table painted (id int, c other.color)");
  assert.deepEqual(await tellsOf('alter schema other rename to others'), [`look ${await oids('others.t', 'painted')}`]);
});

test('a renamed label makes every table stale that has the type, in whatever way', async () => {
  const users = await oids('moods', 'arrays', 'pairs', 'spans', 'parts', 'parts_1');
  assert.deepEqual(await tellsOf("alter type mood rename value 'sad' to 'blue'"), [`look ${users}`, `stale ${users}`]);
  const back = await tellsOf("begin; savepoint a; alter type mood rename value 'blue' to 'x'; release a; alter type mood rename value 'x' to 'blue'; commit");
  assert.deepEqual(back.filter((tell) => tell.startsWith('stale')), [`stale ${users}`, `stale ${users}`]);
});

test('an added label, and another name of a type, copy nothing', async () => {
  for (const sql of ["alter type mood add value 'glad'", "alter type mood add value 'bad' before 'blue'", 'alter type mood rename to moody', 'alter type moody rename to mood', 'alter type mood set schema public']) {
    assert.deepEqual((await tellsOf(sql)).filter((tell) => tell.startsWith('stale')), [], sql);
  }
  assert.deepEqual(await tellsOf('alter domain positive set not null'), [`look ${await oids('positives')}`]);
  assert.deepEqual(await tellsOf('alter domain positive add check (value > 0)'), [`look ${await oids('positives')}`]);
});

test("a row type's new and dropped columns make those stale that hold it", async () => {
  for (const sql of ['alter type pair add attribute c int', 'alter type pair drop attribute c']) {
    assert.ok((await tellsOf(sql)).includes(`stale ${await oids('pairs')}`), sql);
  }
  for (const sql of ['alter table spot add column z int', 'alter table spot drop column z']) {
    assert.ok((await tellsOf(sql)).includes(`stale ${await oids('holder')}`), sql);
  }
  assert.deepEqual(await tellsOf('alter table spot set (fillfactor = 70)'), [`look ${await oids('spot')}`]);
});

test('nothing is told of what no log has', async () => {
  assert.deepEqual(await tellsOf("create temp table s (id int primary key, m mood); create index on s (m); alter table s add column c int; comment on table s is 'x'; drop table s"), []);
  assert.deepEqual(await tellsOf("create view v as select 1 as a; comment on view v is 'x'; create function f() returns int language sql as 'select 1'; create sequence q; drop view v; drop function f(); drop sequence q; comment on schema public is 'x'"), []);
});

test('a schema change is made whatever fails in telling it', async () => {
  await server.query("alter function deltastream.after() set deltastream.labels = 'no'; alter function deltastream.after() set plpgsql.extra_errors = 'all'");
  await server.query('revoke execute on function pg_logical_emit_message(boolean, text, text) from public');
  await server.query("set role plain; create type own as enum ('a'); create table owned (o own); alter type own rename value 'a' to 'b'");
  assert.deepEqual(await server.query('select enum_range(null::own)::text as labels'), [{ labels: '{b}' }]);
  await server.query('reset role; grant execute on function pg_logical_emit_message(boolean, text, text) to public');
  assert.equal((await runToEnd('setup', '--pg', server.url())).code, 0, 'and setup again makes it whole');
});

test('a role without the right is told what happens instead and what to type', async () => {
  const { code, stdout } = await runToEnd('setup', '--pg', server.url('postgres', 'plain'));
  assert.equal(code, 0);
  assert.match(stdout, /^127[^\n]*: role "plain" may not make event triggers; [^\n]* — deltastream setup --print \| psql[^\n]*\n$/);
  assert.match((await runToEnd('setup', '--undo', '--pg', server.url('postgres', 'plain'))).stdout, /may not remove event triggers; event triggers tell them [^\n]* — deltastream setup --undo --print \| psql/);
  const printed = await runToEnd('setup', '--print');
  await server.query(printed.stdout);
});

test('a role whose transactions are read-only is told what to type', async (t) => {
  await server.query('create role reading login superuser');
  t.after(() => server.query('drop role reading'));
  await server.query('alter role reading set default_transaction_read_only = on');
  const { code, stderr } = await runToEnd('setup', '--pg', server.url('postgres', 'reading'));
  assert.equal(code, 1);
  assert.match(stderr, /in a read-only transaction — run it as a role, and in a database, without default_transaction_read_only/);
});

test('a schema of another role, who could drop what is in it, is not taken as it is', async (t) => {
  const own = await Server.start();
  t.after(() => own.stop());
  await own.query('create role other login; create role admin superuser login; create schema deltastream authorization other');
  const { code, stderr } = await runToEnd('setup', '--pg', own.url());
  assert.equal(code, 1);
  assert.match(stderr, /^deltastream: [^\n]*: schema deltastream belongs to role "other", who may drop what is installed in it — ALTER SCHEMA deltastream OWNER TO CURRENT_USER, or DROP SCHEMA deltastream CASCADE, and again\n$/);
  await assert.rejects(own.query((await runToEnd('setup', '--print')).stdout), { message: /belongs to role "other"/ });
  assert.deepEqual(await own.query('select evtname from pg_event_trigger'), []);
  await own.query('alter schema deltastream owner to current_user');
  for (const role of ['postgres', 'admin']) assert.match((await runToEnd('setup', '--pg', own.url('postgres', role))).stdout, /event triggers installed/, role);
});

test('setup twice is setup once, and its undo leaves nothing', async () => {
  assert.match((await runToEnd('setup', '--pg', server.url())).stdout, /event triggers installed; they tell schema changes in their own transactions\n$/);
  const installed = await runToEnd('setup', '--pg', server.url(), '--json');
  assert.deepEqual(JSON.parse(installed.stdout), { done: true, schemaChanges: 'triggers' });
  for (const time of ['once', 'twice']) {
    const { code, stdout } = await runToEnd('setup', '--undo', '--pg', server.url());
    assert.equal(code, 0, time);
    assert.match(stdout, /event triggers removed; deltastream compares the catalog/);
  }
  const left = await server.query("select evtname from pg_event_trigger union all select nspname from pg_namespace where nspname = 'deltastream' union all select proname from pg_proc where pronamespace = 'public'::regnamespace and proname in ('before', 'after', 'drop')");
  assert.deepEqual(left, []);
  assert.deepEqual(await tellsOf('alter table plain_table add column last int'), []);
});
