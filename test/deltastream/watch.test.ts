/** Without event triggers: what the watch tells, seen in the log by whoever asks for its messages. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { isSegmentName } from '../../src/daystream/segment.js';
import { temporaryFolder } from '../support/folder.js';
import { follow, runToEnd, type Running } from '../support/stream.js';
import { until } from '../support/wait.js';

let server: Server;
let slots = 0;
before(async () => {
  server = await Server.start();
  await server.query(`
    create type mood as enum ('sad', 'ok');
    create type pair as (a int, m mood);
    create table moods (id int primary key, m mood);
    create table pairs (id int primary key, p pair[]);
    create table plain (id int primary key, note text);
    create table parts (id int, m mood, primary key (id)) partition by range (id);
    create table parts_1 partition of parts for values from (0) to (10);
    create schema ops; create table ops.log (id int primary key)`);
});
after(() => server.stop());

/** A log of its own, watched often. */
class Watched {
  #seen = 0;
  constructor(readonly out: string, readonly slot: string, readonly t: TestContext) {}

  static async start(t: TestContext, ...more: string[]): Promise<[Watched, Running]> {
    const watched = new Watched(join(temporaryFolder(t), 'log'), `s${++slots}`, t);
    const running = await watched.follow('--create-slot', ...more);
    await until('all has been looked at once', () => watched.tells().some((tell) => tell.startsWith('look ')));
    watched.forget();
    return [watched, running];
  }

  async follow(...more: string[]): Promise<Running> {
    const running = await follow(this.t, server, this.slot, this.out, '--messages', 'deltastream', '--schema-interval', '100ms', ...more);
    await until('the watch has begun', () => existsSync(join(this.out, '.catalog.json')));
    return running;
  }

  /** All that the log has been told. */
  tells(): string[] {
    const text = readdirSync(this.out).filter(isSegmentName).map((name) => readFileSync(join(this.out, name), 'utf8')).join('');
    return [...text.matchAll(/\t_action\tmessage\t_prefix\tdeltastream\t_content\t(.*)\n/g)].map(([, content]) => content);
  }

  /** What it remembers. */
  known(): string {
    return readFileSync(join(this.out, '.catalog.json'), 'utf8');
  }

  news(): string[] {
    return this.tells().slice(this.#seen);
  }

  forget(): void {
    this.#seen = this.tells().length;
  }

  /** Makes a change, waits until a tell has the word and the table, and gives all that came until then. */
  async told(sql: string, word: string, ...tables: string[]): Promise<string[]> {
    this.forget();
    const wanted = await Promise.all(tables.map((table) => oid(table)));
    await server.query(sql);
    await until(`${sql}: ${word} ${tables}`, () => this.news().some((tell) => tell.startsWith(`${word} `) && wanted.every((one) => tell.split(' ').includes(one))));
    return this.news();
  }
}

async function oid(table: string): Promise<string> {
  const [row] = await server.query<{ oid: string }>(`select '${table}'::regclass::oid::text as oid`);
  return row.oid;
}

test('whatever the log says of a table is told when it differs', async (t) => {
  const [watched] = await Watched.start(t);
  for (const sql of [
    "comment on table plain is 'a table'", "comment on column plain.note is 'a column'", 'alter table plain add column more int', 'alter table plain rename more to fewer',
    'alter table plain alter fewer type bigint', 'alter table plain alter fewer set not null', 'create index plain_note on plain (note)', 'alter index plain_note rename to plain_notes',
    'drop index plain_notes', 'alter table plain replica identity full', 'alter table plain drop column fewer', 'comment on table plain is null', 'alter table plain rename to plainer',
    'alter table plainer rename to plain', 'alter table plain set unlogged', 'alter table plain set logged',
  ]) {
    const table = sql.includes('rename to plainer') ? 'plain' : sql.includes('plainer') ? 'plainer' : 'plain';
    const tells = await watched.told(sql, 'look', table);
    assert.deepEqual(tells, [`look ${await oid(sql.includes('to plainer') ? 'plainer' : 'plain')}`], sql);
  }
  await watched.told('alter schema ops rename to operations', 'look', 'ops.log');
  await watched.told('alter schema operations rename to ops', 'look', 'operations.log');
  await watched.told('create table parts_2 partition of parts for values from (10) to (20)', 'look', 'parts');
  await watched.told('alter table parts detach partition parts_2', 'look', 'parts_2', 'parts');
});

test('a renamed label and a changed row type make tables stale, an added label and a renamed type do not', async (t) => {
  const [watched] = await Watched.start(t);
  await watched.told("alter type mood rename value 'sad' to 'blue'", 'stale', 'moods', 'pairs', 'parts', 'parts_1');
  await watched.told('alter type pair add attribute c int', 'stale', 'pairs');
  await watched.told('alter type pair drop attribute c', 'stale', 'pairs');
  await watched.told("begin; alter type mood rename value 'blue' to 'x'; alter type mood rename value 'x' to 'blue'; commit", 'stale', 'moods', 'pairs');
  const tells = await watched.told("alter type mood add value 'glad' before 'ok'; alter type mood rename to moody; comment on table plain is 'last'", 'look', 'plain');
  tells.push(...await watched.told('alter type moody rename to mood', 'look', 'moods'));
  assert.deepEqual(tells.filter((tell) => !tell.startsWith('look ')), []);
});

test('a type that came into a table and changed between two looks makes it stale, one that only came does not', async (t) => {
  await server.query("create type old_pair as (a int, b text); create type old_mood as enum ('sad', 'ok'); create table shape (a int, b int)");
  const [watched, running] = await Watched.start(t);
  let cases = 0;
  const meanwhile = async (sql: readonly string[], stale: readonly string[]) => {
    await running.kill('SIGKILL');
    for (const one of sql) await server.query(one);
    await server.query(`comment on table plain is 'case ${++cases}'`);
    watched.forget();
    const wanted = await Promise.all(['plain', ...stale].map(oid));
    const known = watched.known();
    const again = await watched.follow();
    await until('all is told', () => watched.news().some((tell) => tell.split(' ').includes(wanted[0])) && (stale.length === 0 || watched.news().some((tell) => tell.startsWith('stale '))));
    await until('that it was told is known', () => watched.known() !== known);
    await again.kill('SIGKILL');
    const told = watched.news().filter((tell) => tell.startsWith('stale ')).flatMap((tell) => tell.split(' ').slice(1)).map(Number).sort((a, b) => a - b);
    assert.deepEqual(told, wanted.slice(1).map(Number).sort((a, b) => a - b), sql.join('; '));
  };
  await meanwhile(["alter table plain add p old_pair default '(1,x)'", 'alter type old_pair drop attribute a'], ['plain']);
  await meanwhile(["create table olds (m old_mood)", "insert into olds values ('ok')", "alter type old_mood rename value 'ok' to 'fine'"], ['olds']);
  await meanwhile(["create type new_mood as enum ('a', 'b')", "create table news (m new_mood)", "alter type new_mood rename value 'a' to 'c'; alter type new_mood rename value 'b' to 'd'"], ['news']);
  await meanwhile(["create type one_mood as enum ('a', 'b'); create table ones (m one_mood); insert into ones values ('a'); alter type one_mood rename value 'a' to 'c'; alter type one_mood rename value 'b' to 'd'"], ['ones']);
  await meanwhile(['create table shapes (s shape[])', 'alter table shape drop column a'], ['shapes']);
  await meanwhile(["create type bare as (a int); create table bares (b bare)", 'alter type bare drop attribute a'], ['bares']);
  await meanwhile(["create type calm as enum ('a', 'b'); create type calm_pair as (c calm, d date); alter type calm rename to calmer; comment on type calmer is 'new'; create table calms (c calmer, p calm_pair[])", "insert into calms values ('a', '{}')"], []);
  await server.query('alter table plain drop p; drop table olds, news, ones, shapes, shape, bares, calms; drop type old_pair, old_mood, new_mood, one_mood, bare, calm_pair, calmer');
});

test('tables that are stale for a type are copied once more when those have ended that wrote meanwhile', async (t) => {
  const [watched, running] = await Watched.start(t);
  const writer = await server.client();
  t.after(() => writer.end());
  await writer.query("begin; insert into moods values (1, 'ok')");
  await watched.told("alter type mood rename value 'ok' to 'fine'", 'stale', 'moods');
  await running.kill('SIGKILL');
  await watched.follow();
  await watched.told("comment on table plain is 'while it writes'", 'look', 'plain');
  assert.deepEqual(watched.news().filter((tell) => tell.startsWith('reload')), []);
  await writer.query('commit');
  await until('the copy is asked for again', () => watched.news().some((tell) => tell.startsWith('reload ')));
  assert.match(watched.news().find((tell) => tell.startsWith('reload '))!, new RegExp(`\\b${await oid('moods')}\\b`));
});

test('only what is followed counts, and nothing is told twice', async (t) => {
  const [watched, running] = await Watched.start(t, '--tables', 'plain');
  await server.query("comment on table ops.log is 'unfollowed'; create temp table gone (id int)");
  assert.deepEqual(await watched.told("comment on table plain is 'followed'", 'look', 'plain'), [`look ${await oid('plain')}`]);
  await running.kill('SIGTERM');
  await watched.follow('--tables', 'plain');
  assert.deepEqual(await watched.told("comment on table plain is 'more'", 'look', 'plain'), [`look ${await oid('plain')}`]);
});

test('a partition that goes by its own name is looked at by it', async (t) => {
  const [watched] = await Watched.start(t, '--partitions', 'leaf', '--tables', 'parts_1');
  await server.query("comment on table parts is 'not followed'");
  assert.deepEqual(await watched.told("comment on table parts_1 is 'followed'", 'look', 'parts_1'), [`look ${await oid('parts_1')}`]);
});

test('what changed while nobody watched is told at the next start, and a lost memory looks at all', async (t) => {
  const [watched, running] = await Watched.start(t, '--tables', 'plain,moods');
  await running.kill('SIGKILL');
  await server.query("comment on table plain is 'meanwhile'; alter type mood rename value 'blue' to 'sad'");
  watched.forget();
  const second = await watched.follow('--tables', 'plain,moods');
  await until('both are told', () => watched.news().length >= 2);
  assert.deepEqual(watched.news().map((tell) => tell.split(' ')[0]), ['look', 'stale']);
  await second.kill('SIGKILL');
  writeFileSync(join(watched.out, '.catalog.json'), '{"version":');
  watched.forget();
  await watched.follow('--tables', 'plain,moods');
  const both = [await oid('plain'), await oid('moods')].map(Number).sort((a, b) => a - b).join(' ');
  await until('all is looked at', () => watched.news().includes(`look ${both}`));
});

test('tables that a changed --tables chooses are offered, new ones of old patterns are not', async (t) => {
  const [watched, running] = await Watched.start(t, '--tables', 'plain,newer');
  await running.kill('SIGTERM');
  await server.query('create table newer (id int primary key)');
  watched.forget();
  await watched.follow('--tables', 'plain,newer,ops.*,parts');
  await until('they are offered', () => watched.news().some((tell) => tell.startsWith('offer ')));
  const offered = [await oid('ops.log'), await oid('parts')].map(Number).sort((a, b) => a - b);
  assert.deepEqual(watched.news().filter((tell) => tell.startsWith('offer ')).map((tell) => tell.split(' ').slice(1).map(Number).sort((a, b) => a - b)), [offered]);
});

test('a table that was not followed for a moment, in which nobody looked, is offered', async (t) => {
  const [watched, running] = await Watched.start(t, '--tables', 'plain,moods');
  const holder = await server.client();
  t.after(() => holder.end());
  await holder.query('begin; lock pg_description in access exclusive mode');
  await running.kill('SIGKILL');
  await (await watched.follow('--tables', 'plain')).kill('SIGKILL');
  watched.forget();
  await watched.follow('--tables', 'plain,moods');
  await holder.query('rollback');
  await until('it is offered', () => watched.news().some((tell) => tell.startsWith('offer ')));
  assert.deepEqual(watched.news().filter((tell) => tell.startsWith('offer ')), [`offer ${await oid('moods')}`]);
});

test('a role with REPLICATION and LOGIN alone can watch; where telling is not allowed it is said once, and the log goes on', async (t) => {
  await server.query('create role reader login replication');
  const [watched] = await Watched.start(t, '--pg', server.url('postgres', 'reader'));
  await watched.told("comment on table plain is 'seen by a reader'", 'look', 'plain');
  await server.query('revoke execute on function pg_logical_emit_message(boolean, text, text) from public');
  await server.query("comment on table plain is 'not told'");
  const running = await follow(t, server, `s${++slots}`, temporaryFolder(t), '--create-slot', '--pg', server.url('postgres', 'reader'), '--schema-interval', '100ms');
  await running.says(/schema changes: permission denied for function pg_logical_emit_message: comments and changed types are not followed/);
  await server.query('grant execute on function pg_logical_emit_message(boolean, text, text) to public');
});

test('with event triggers the start says so, and the watch stands back', async (t) => {
  await runToEnd('setup', '--pg', server.url());
  t.after(() => runToEnd('setup', '--undo', '--pg', server.url()));
  const [watched, running] = await Watched.start(t);
  await running.says(/schema changes: event triggers tell them/);
  const tells = await watched.told("comment on table plain is 'by trigger'", 'look', 'plain');
  assert.deepEqual([...new Set(tells)], [`look ${await oid('plain')}`]);
  await watched.told("alter type mood rename value 'sad' to 'blue'", 'stale', 'moods', 'pairs');
  await until('the copy is asked for again, for whoever was writing then', () => watched.news().some((tell) => tell.startsWith('reload ')));
  assert.equal(watched.news().filter((tell) => tell.startsWith('stale ')).length, 1);
});

test('event triggers that are made or removed while it runs are noticed within the interval', async (t) => {
  const [watched, running] = await Watched.start(t);
  await runToEnd('setup', '--pg', server.url());
  await running.says(/schema changes: event triggers tell them/);
  await runToEnd('setup', '--undo', '--pg', server.url());
  await watched.told("comment on table plain is 'by comparison again'", 'look', 'plain');
});
