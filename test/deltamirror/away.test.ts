/** A host that was away for longer than the log reaches. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { programPath } from '../../dev/programs.js';
import { publishSnapshot } from '../../src/published/publish.js';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { keyedTable, makeCache, query, runMirror } from '../support/cache.js';
import { openWriter } from '../support/log.js';
import { bench, DAY, ids, rowsOf, shape, spaced, T0, transaction } from '../support/mirror.js';
import { runCommand } from '../support/path.js';
import { Random } from '../support/random.js';
import { snapshotsIn } from '../support/published.js';

const MAIN = programPath('deltamirror');

interface Away { readonly folder: string; readonly log: string; readonly cache: string; readonly host: string }

const TABLE = keyedTable('t', ['note', 'more']);

/** One day of the log for each transaction. */
async function writeDays(log: string, first: number, ...transactions: Buffer[]): Promise<void> {
  for (const [i, each] of transactions.entries()) {
    const writer = await openWriter(log, { clock: () => T0 + (first + i) * DAY });
    writer.append(each);
    await writer.sync();
    writer.close();
  }
}

/** A host that came as far as day 0, and a cache that came as far as day 2 and was published then; the log begins on day 2 by now and goes on. */
async function away(t: TestContext, { table = TABLE, host: hosts = [TABLE], objects = '', days = [['t insert id 2 note b more y'], ['t update id 1 note a2 more x']] }: { table?: CacheTable; host?: readonly CacheTable[]; objects?: string; days?: readonly (readonly string[])[] } = {}): Promise<Away> {
  const { folder, log, cache } = bench(t, [table]);
  execute(cache, `UPDATE _daystream_patterns SET pattern = '${table.pattern}'`);
  const host = join(folder, 'host.db');
  makeCache(host, log, hosts);
  await writeDays(log, 0, spaced(1, ['t insert id 1 note a more x']));
  for (const each of [cache, host]) await runMirror(each, log);
  execute(host, objects);
  await writeDays(log, 1, ...days.map((lines, i) => spaced(i + 2, lines)));
  await runMirror(cache, log);
  await publishSnapshot(cache, log, 2);
  await writeDays(log, 1 + days.length, spaced(9, ['t insert id 9 note z more w']));
  for (const name of readdirSync(log).filter((each) => each.endsWith('.daystream')).sort().slice(0, -2)) rmSync(join(log, name));
  return { folder, log, cache, host };
}

function execute(path: string, sql: string): void {
  const cache = new Database(path);
  cache.exec(sql);
  cache.close();
}

const run = (path: string, ...args: string[]) => runCommand('deltamirror', ['--once', ...args, path]);

test('it says so, and what to type; typed, it begins with the newest snapshot and follows the log', async (t) => {
  const { folder, log, host } = await away(t);
  const refused = run(host);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /no longer reaches back to 1760000000:\d+.* — to begin with the snapshot \d+-\d+\.snapshot\.gz: deltamirror --bootstrap \S*host\.db\n$/);
  assert.deepEqual(ids(host), [1]);
  const { status, stderr } = run(host, '--bootstrap');
  assert.equal(status, 0, stderr);
  assert.match(stderr, /no longer reaches back to .*: taking the newest published snapshot/);
  assert.deepEqual(rowsOf(host, 't'), [{ id: 1, note: 'a2', more: 'x' }, { id: 2, note: 'b', more: 'y' }, { id: 9, note: 'z', more: 'w' }]);
  assert.deepEqual(readdirSync(folder).filter((name) => name.startsWith('.')), []);
  assert.equal(run(host, '--bootstrap').status, 0, 'there is nothing to do any more');
  for (const name of snapshotsIn(log)) rmSync(join(log, name));
});

test('without a snapshot it says what there is to do instead', async (t) => {
  const { log, host } = await away(t);
  for (const name of snapshotsIn(log)) rmSync(join(log, name));
  assert.match(run(host).stderr, /no longer reaches back .* — .*copy the tables again with deltaimport/);
  assert.match(run(host, '--bootstrap').stderr, /holds no published snapshot/);
  assert.deepEqual(ids(host), [1]);
});

test('the host keeps its own: tables, indexes, views and triggers, columns, rows, names, and that others may not write', async (t) => {
  const mine: CacheTable = {
    ...TABLE, table: 'mine', choice: { columns: ['id', 'note'], where: 'id < 9' },
    columns: TABLE.columns.map((column) => (column.name === 'more' ? { ...column, as: null } : column.name === 'note' ? { ...column, as: 'remark' } : column)),
  };
  const { host } = await away(t, {
    host: [mine],
    objects: `CREATE TABLE notes (text); INSERT INTO notes VALUES ('kept'); CREATE TABLE log (id);
      CREATE INDEX by_remark ON mine (remark); CREATE VIEW v AS SELECT remark FROM mine JOIN notes;
      CREATE TRIGGER g AFTER INSERT ON mine BEGIN INSERT INTO log VALUES (new.id); END`,
  });
  const { status, stderr } = run(host, '--bootstrap', '--protect');
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /could not be kept/);
  assert.deepEqual(rowsOf(host, 'mine'), [{ id: 1, remark: 'a2' }, { id: 2, remark: 'b' }]);
  assert.deepEqual(query(host, 'SELECT text FROM notes'), [{ text: 'kept' }]);
  assert.equal(query(host, 'SELECT count(*) AS n FROM v')[0].n, 2);
  assert.deepEqual(query(host, "SELECT name FROM sqlite_schema WHERE type IN ('index', 'trigger', 'view') AND name NOT LIKE '\\_daystream%' ESCAPE '\\' AND sql IS NOT NULL ORDER BY name").map(({ name }) => name), ['by_remark', 'g', 'v']);
  const other = new Database(host);
  assert.throws(() => other.exec("UPDATE mine SET remark = 'x'"), /written by deltamirror alone/);
  other.close();
});

test('a reader keeps the old cache until the new one is whole, through the same file', async (t) => {
  const { host } = await away(t);
  const reader = new Database(host, { readonly: true });
  reader.exec('BEGIN');
  const select = reader.prepare('SELECT group_concat(note) FROM t').pluck();
  assert.equal(select.get(), 'a');
  assert.equal(run(host, '--bootstrap').status, 0);
  assert.equal(select.get(), 'a');
  reader.exec('COMMIT');
  assert.equal(select.get(), 'a2,b,z');
  reader.close();
});

test('what came and went meanwhile: a new table of a pattern, a dropped one, a renamed one, a new column', async (t) => {
  const first = ['t schema _oid 1 _identity default _key 1 id 1~notnull~integer note 2~null~text more 3~null~text'];
  const { host } = await away(t, {
    table: { ...TABLE, pattern: '*' },
    host: [TABLE, keyedTable('other')],
    days: [first, [shape('other', 2, '', 'create')], ['other drop _oid 2', `moved ${shape('t', 1, 'note 2~null~text more 3~null~text extra 4~null~text').slice(2)}`, 'moved insert id 2 note b more y extra e']],
  });
  const log = join(host, '../log');
  await writeDays(log, 8, transaction(10, ['moved insert id 10 note m more n extra o']));
  const { stderr, status } = run(host, '--bootstrap');
  assert.equal(status, 0, stderr);
  assert.deepEqual(query(host, 'SELECT "table", state FROM _daystream_tables'), [{ table: 'moved', state: 'following' }], stderr);
});

test('killed at any moment while it begins again, it has the old cache or the new one, and goes on from there', async (t) => {
  const many = Array.from({ length: 20_000 }, (_, i) => `t insert id ${i + 100} note n more m`);
  const { folder, host } = await away(t, { days: [many], objects: 'CREATE TABLE notes (text); INSERT INTO notes SELECT 1 FROM t' });
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  for (let i = 0; i < 8; i++) {
    const child = spawn(process.execPath, [MAIN, '--once', '--bootstrap', host], { stdio: 'ignore' });
    const exited = once(child, 'exit');
    await delay(200 + random.below(700));
    child.kill('SIGKILL');
    await exited;
    assert.ok([1, 20_001, 20_002].includes(ids(host).length), `${ids(host).length} rows`);
    assert.equal(query(host, 'PRAGMA integrity_check')[0].integrity_check, 'ok');
  }
  assert.equal(run(host, '--bootstrap').status, 0);
  assert.equal(ids(host).length, 20_002);
  assert.equal(query(host, 'SELECT count(*) AS n FROM notes')[0].n, 1);
  assert.deepEqual(readdirSync(folder).filter((name) => name.startsWith('.')), []);
});

test('what the host has and the snapshot does not is said; the cache stays as it was', async (t) => {
  const { host } = await away(t, { host: [TABLE, keyedTable('other')] });
  const lacking = run(host, '--bootstrap');
  assert.match(lacking.stderr, /has no table public\.other, which \S*host\.db has — publish from a host that has it/);
  assert.deepEqual(ids(host), [1]);
  const narrow: CacheTable = { ...TABLE, choice: { where: 'id > 0' } };
  const filtered = await away(t, { table: narrow });
  assert.match(run(filtered.host, '--bootstrap').stderr, /only those are there for which id > 0 — publish from a host that has what this one has/);
  assert.deepEqual(ids(filtered.host), [1]);
});

test('a table that came meanwhile and has the name of one of the application\'s is in quarantine; the others come', async (t) => {
  const { host } = await away(t, {
    table: { ...TABLE, pattern: '*' },
    days: [[shape('notes', 2, '', 'create'), 'notes insert id 1'], ['t insert id 2 note b more y']],
    objects: "UPDATE _daystream_patterns SET pattern = '*'; CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')",
  });
  const { status, stderr } = run(host, '--bootstrap');
  assert.equal(status, 0, stderr);
  assert.match(stderr, /public\.notes is in quarantine .*the cache has something else under the name notes — deltaimport --table notes --into/);
  assert.deepEqual(ids(host), [1, 2, 9]);
  assert.deepEqual(query(host, 'SELECT text FROM notes'), [{ text: 'mine' }]);
});
