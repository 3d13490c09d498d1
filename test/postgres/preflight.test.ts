import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { Server, type ServerOptions } from '../../dev/postgres.js';
import { examine } from '../../src/deltastream/source.js';
import type { Finding } from '../../src/postgres/finding.js';
import { startPooler } from '../support/pooler.js';
import { until } from '../support/wait.js';

let server: Server;
before(async () => { server = await Server.start({ settings: { max_replication_slots: '3' } }); });
after(() => server.stop());

interface Asked {
  readonly slot?: string;
  readonly createSlot?: boolean;
  readonly tables?: string;
  readonly partitions?: 'root' | 'leaf';
  readonly plugin?: 'auto' | 'deltastream' | 'pgoutput';
}

async function found(pg: string, asked: Asked): Promise<readonly Finding[]> {
  const { findings, sql, replication } = await examine({ pg, slot: asked.slot, createSlot: asked.createSlot ?? true, tables: asked.tables, partitions: asked.partitions ?? 'root', plugin: asked.plugin ?? 'deltastream' });
  await sql.end();
  await replication?.end();
  return findings;
}

function texts(findings: readonly Finding[]): string[] {
  return findings.map(({ severity, what, cure }) => `${severity}: ${what} — ${cure}`);
}

async function other(t: TestContext, options: ServerOptions): Promise<Server> {
  const own = await Server.start(options);
  t.after(() => own.stop());
  return own;
}

function assertTexts(findings: readonly Finding[], expected: readonly RegExp[]): void {
  const actual = texts(findings);
  assert.equal(actual.length, expected.length, actual.join('\n'));
  expected.forEach((text, i) => assert.match(actual[i], text));
}

test('a server made for it has no findings', async () => {
  assert.deepEqual(await found(server.url(), { slot: 'x' }), []);
});

test('all reasons are named at once, each with what to type', async (t) => {
  const own = await other(t, { plugin: false, settings: { wal_level: 'replica', max_replication_slots: '1' } });
  await own.query("select pg_create_physical_replication_slot('taken')");
  await own.query('create table nokey (v text)');
  assertTexts(await found(own.url(), { slot: 'x', createSlot: false }), [
    /^error: wal_level: is replica.* — ALTER SYSTEM SET wal_level = logical; and restart Postgres$/,
    /^error: max_replication_slots: all 1 are in use — ALTER SYSTEM SET max_replication_slots = 6;/,
    ...(await knowsList(own) ? [/^error: output_plugin_libraries: deltastream is not in the list of allowed plugins — ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, deltastream; SELECT pg_reload_conf\(\);$/] : []),
    /^error: plugin deltastream: not installed on the server .* — on the server: make/,
    /^error: slot "x": does not exist — deltastream --slot x --create-slot/,
    /^warning: table public\.nokey: /,
  ]);
});

async function knowsList(own: Server): Promise<boolean> {
  return (await own.query("select 1 from pg_settings where name = 'output_plugin_libraries'")).length === 1;
}

/** Sets the list of allowed plugins; false where this version has none. */
async function allowPlugins(own: Server, list: string): Promise<boolean> {
  if (!(await knowsList(own))) return false;
  await own.query(`alter system set output_plugin_libraries = ${list}`);
  await own.query('select pg_reload_conf()');
  await until('the list is in force', async () => (await own.query<{ output_plugin_libraries: string }>('show output_plugin_libraries'))[0].output_plugin_libraries === list);
  return true;
}

test('where the plugin is not allowed, the cure works as it is written', async (t) => {
  const own = await other(t, {});
  if (await allowPlugins(own, 'pgoutput')) {
    const [finding] = await found(own.url(), { slot: 'x' });
    assert.match(finding.what, /^output_plugin_libraries: /);
    for (const statement of finding.cure.split(/(?<=;) /)) await own.query(statement);
  }
  await until('the cure is in force', async () => (await found(own.url(), { slot: 'x' })).length === 0);
});

test('a role that may not see the settings is told of the plugin all the same', async (t) => {
  const own = await other(t, { plugin: false });
  await own.query('create role follower login replication');
  const url = own.url('postgres', 'follower');
  if (await allowPlugins(own, 'pgoutput')) {
    assertTexts(await found(url, { slot: 'x' }), [/^error: output_plugin_libraries: deltastream is not in the list/]);
    await allowPlugins(own, 'pgoutput, deltastream');
  }
  assertTexts(await found(url, { slot: 'x' }), [/^error: plugin deltastream: not installed/]);
  assert.deepEqual(await own.query('select slot_name from pg_replication_slots'), [], 'the probing slot is gone');
});

test('a role that may not see the settings finds a good server good, and leaves no slot', async (t) => {
  await server.query('create role follower login replication');
  const blocking = await server.client();
  t.after(() => blocking.end());
  await blocking.query('begin; select pg_current_xact_id()');
  assert.deepEqual(await found(server.url('postgres', 'follower'), { slot: 'x' }), [], 'the probe does not wait for a running transaction');
  await blocking.query('commit');
  assert.deepEqual(await found(server.url('postgres', 'follower'), { slot: 'x' }), []);
  assert.deepEqual(await server.query('select slot_name from pg_replication_slots'), []);
});

test('a role without the right to replicate is named with its cure', async () => {
  await server.query('create role "No Right" login');
  assertTexts(await found(server.url('postgres', encodeURIComponent('No Right')), { slot: 'x' }), [/^error: role "No Right": has no right to replicate — ALTER ROLE "No Right" REPLICATION;$/]);
});

test('no walsender left is a reason', async (t) => {
  const own = await other(t, { settings: { max_wal_senders: '0' } });
  assertTexts(await found(own.url(), { slot: 'x' }), [/^error: .*max_wal_senders.* — ALTER SYSTEM SET max_wal_senders/]);
});

test('a slot of another plugin, of another database, physical or temporary is refused', async (t) => {
  const holder = await server.client();
  t.after(() => holder.end());
  await server.query('create database elsewhere');
  await server.query("select pg_create_logical_replication_slot('foreign_plugin', 'test_decoding')");
  await server.query("select pg_create_logical_replication_slot('foreign_database', 'deltastream')", 'elsewhere');
  await holder.query("select pg_create_physical_replication_slot('physical', false, true)");
  assertTexts(await found(server.url(), { slot: 'foreign_plugin' }), [/^error: slot "foreign_plugin": belongs to the plugin test_decoding/]);
  assertTexts(await found(server.url(), { slot: 'foreign_database' }), [/^error: slot "foreign_database": belongs to database "elsewhere", this one is "postgres"/]);
  assertTexts(await found(server.url(), { slot: 'physical' }), [/^error: slot "physical": is a physical slot/]);
  await holder.query("select pg_drop_replication_slot('physical')");
  await holder.query("select pg_create_logical_replication_slot('passing', 'deltastream', true)");
  assertTexts(await found(server.url(), { slot: 'passing' }), [/^error: slot "passing": is temporary/, /^warning: slot "passing": is being read by pid/]);
  await holder.query("select pg_drop_replication_slot('passing'), pg_drop_replication_slot('foreign_plugin')");
  await server.query("select pg_drop_replication_slot('foreign_database')", 'elsewhere');
});

test('a lost slot is refused, with the way to begin again', async (t) => {
  const own = await other(t, { settings: { max_slot_wal_keep_size: '1MB', min_wal_size: '32MB', max_wal_size: '32MB' } });
  await own.query("select pg_create_logical_replication_slot('lost', 'deltastream')");
  await until('the slot is lost', async () => {
    await own.query('create table if not exists load (v text)');
    await own.query("insert into load select repeat('x', 1000) from generate_series(1, 20000)");
    await own.query('select pg_switch_wal()');
    await own.query('checkpoint');
    return (await own.query("select 1 from pg_replication_slots where wal_status = 'lost'")).length === 1;
  });
  const findings = (await found(own.url(), { slot: 'lost', tables: 'other' })).filter(({ severity }) => severity === 'error');
  assertTexts(findings, [/^error: slot "lost": is lost \(.*\), changes are missing for good — deltastream reconcile --slot lost --out DIR --cache FILE$/]);
});

test('a connection pooler is known by its greeting, and refused', async (t) => {
  const port = await startPooler(t, server.port);
  assertTexts(await found(`postgres://postgres@127.0.0.1:${port}/postgres`, { slot: 'x' }), [/^error: 127\.0\.0\.1:\d+\/postgres: a connection pooler answers there, not Postgres: .* — give --pg the address of Postgres itself$/]);
});

test('tables without a key are named each with the cure that fits it', async (t) => {
  const own = await other(t, {});
  await own.query(`
    create table keyed (id int primary key);
    create table bare (id int);
    create table deferred (id int primary key deferrable);
    create table silent (id int primary key); alter table silent replica identity nothing;
    create table whole (id int); alter table whole replica identity full;
    create table chosen (id int not null unique); alter table chosen replica identity using index chosen_id_key;
    create unlogged table unlogged_one (id int);
    create schema "My Schema"; create table "My Schema"."My Table" (id int);
    create table parted (id int) partition by range (id); create table part_1 partition of parted for values from (0) to (10)`);
  const named = (tables?: string) => found(own.url(), { slot: 'x', tables }).then((findings) => texts(findings).map((text) => /table (.*): its/.exec(text)?.[1]));
  assert.deepEqual(await named(), ['"My Schema"."My Table"', 'public.bare', 'public.deferred', 'public.part_1', 'public.silent']);
  assert.deepEqual(await named('bare, keyed, parted'), ['public.bare', 'public.part_1']);
  assert.deepEqual(await named('"My Schema".*'), ['"My Schema"."My Table"']);
  for (const { cure } of await found(own.url(), { slot: 'x' })) await own.query(cure.replace(/^.* or /, ''));
  assert.deepEqual(await found(own.url(), { slot: 'x' }), [], 'the cures cure');
});

test('a table or a schema that is asked for and not there is told', async () => {
  assertTexts(await found(server.url(), { slot: 'x', tables: 'nosuch, nowhere.*' }), [/^warning: table nosuch: does not exist/, /^warning: tables nowhere\.\*: there is none/]);
});

test('what is asked for by name and is never in the log is told with the reason; what a star passes over is not', async (t) => {
  const own = await other(t, {});
  await own.query(`create schema s; create table s.t (id int primary key); create unlogged table s.u (id int); create view s.v as select 1 as a; create materialized view s.m as select 1 as a;
    create foreign data wrapper nothing; create server far foreign data wrapper nothing; create foreign table s.f (a int) server far; create sequence s.q;
    create table s.p (id int primary key) partition by range (id); create table s.p1 partition of s.p default`);
  const named = async (tables: string, partitions?: 'leaf') => texts(await found(own.url(), { slot: 'x', tables, partitions })).map((text) => /^warning: table (.*) — (?:leave it out of --tables|name .*)$/.exec(text)?.[1]);
  assert.deepEqual(await named('s.t,s.u,s.v,s.m,s.f,s.q,s.p1,s.p'), [
    's.u: is never in the log: it is unlogged', 's.v: is never in the log: it is a view', 's.m: is never in the log: it is a materialized view',
    's.f: is never in the log: it is a foreign table', 's.q: is never in the log: it is a sequence', 's.p1: is never in the log: it is a partition: its rows go by the name of s.p',
  ]);
  assert.deepEqual(await named('s.p1,s.p', 'leaf'), ['s.p: is never in the log: it has no rows of its own: its partitions go by their names']);
  assert.deepEqual(await found(own.url(), { slot: 'x', tables: 's.*' }), []);
});

test('a partition whose identity does not hold its root\'s key is named, unless it goes by its own name', async (t) => {
  const own = await other(t, {});
  await own.query(`create table r (id int, k int not null, primary key (k, id)) partition by list (k);
    create table fits partition of r for values in (1); create table whole partition of r for values in (2); alter table whole replica identity full;`);
  await own.query(`create table wide (id int not null, k int not null, primary key (k, id)); create unique index wide_index on wide (id, k); alter table wide replica identity using index wide_index; alter table r attach partition wide for values in (3);
    create table narrow partition of r for values in (4); create unique index narrow_index on narrow (id); alter table narrow replica identity using index narrow_index;
    create table bare_root (id int, k int) partition by list (k); create table own_key partition of bare_root (primary key (id)) for values in (1)`);
  const findings = await found(own.url(), { slot: 'x', tables: 'r,bare_root' });
  assertTexts(findings, [
    /^warning: table public\.own_key: its updates and deletes carry no key of its root public\.bare_root; the first one quarantines public\.bare_root — deltastream --partitions leaf; or ALTER TABLE public\.own_key REPLICA IDENTITY FULL;$/,
    /^warning: table public\.narrow: its updates and deletes carry no key of its root public\.r; /,
  ]);
  assert.deepEqual(await found(own.url(), { slot: 'x', partitions: 'leaf', tables: 'fits,whole,wide,narrow,own_key' }), []);
  for (const { cure } of findings) await own.query(cure.replace(/^.* or /, ''));
  assert.deepEqual(await found(own.url(), { slot: 'x', tables: 'r,bare_root' }), [], 'the cures cure');
});
