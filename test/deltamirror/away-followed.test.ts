/** A host that was away and began again with a snapshot, beside one that followed the whole log. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { publishSnapshot } from '../../src/published/publish.js';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { keyedTable, makeCache, query, runMirror } from '../support/cache.js';
import { temporaryFolder } from '../support/folder.js';
import { openWriter } from '../support/log.js';
import { DAY, ids, shape, spaced, T0 } from '../support/mirror.js';
import { runCommand } from '../support/path.js';
import { bootstrap, stateOf } from '../support/published.js';

const TABLE = keyedTable('t', ['note', 'more']);
const OTHER = keyedTable('other');
const COLUMNS = 'note 2~null~text more 3~null~text';
const CHOSEN: CacheTable = { ...TABLE, choice: { columns: ['id', 'note'], where: 'id < 10' }, columns: TABLE.columns.map((column) => (column.name === 'more' ? { ...column, as: null } : column)) };
const NEW = [shape('t', 3, COLUMNS, 'create'), 't insert id 5 note five more secret', 't insert id 50 note fifty more secret'];

type Days = readonly (readonly string[])[];

interface Scenario {
  readonly host?: CacheTable;
  readonly hostAsks?: string;
  /** What the publisher's application has made before it follows. */
  readonly publisher?: string;
  readonly keepDropped?: boolean;
  readonly publisherKeeps?: boolean;
  readonly before?: Days;
  readonly gap: Days;
  /** What the publisher's application does before the last day of the gap, behind another snapshot. */
  readonly meddling?: string;
  readonly later?: Days;
}

interface Ended { readonly log: string; readonly host: string; readonly follower: string; readonly status: number | null; readonly said: string }

/** A day of the log for each list of lines. The publisher asks for all that there is. */
async function scenario(t: TestContext, { host: table = TABLE, hostAsks, publisher = '', keepDropped = false, publisherKeeps = false, before = [], gap, meddling, later = [] }: Scenario): Promise<Ended> {
  const folder = temporaryFolder(t);
  const [log, published, host, follower] = ['log', 'published.db', 'host.db', 'follower.db'].map((name) => join(folder, name));
  let days = 0;
  const write = async (lists: Days): Promise<void> => {
    for (const lines of lists) {
      const writer = await openWriter(log, { clock: () => T0 + days * DAY });
      writer.append(spaced(++days, lines));
      await writer.sync();
      writer.close();
    }
  };
  makeCache(published, log, [{ ...TABLE, pattern: '*' }, { ...OTHER, pattern: '*' }]);
  execute(published, `DELETE FROM _daystream_patterns; INSERT INTO _daystream_patterns (pattern) VALUES ('*'); ${publisher}`);
  for (const cache of [host, follower]) {
    makeCache(cache, log, [table, OTHER]);
    if (hostAsks !== undefined) execute(cache, `UPDATE _daystream_patterns SET pattern = '${hostAsks}' WHERE pattern = 't'`);
  }
  const follow = (cache: string) => runMirror(cache, log, { keepDropped: cache === published ? publisherKeeps : keepDropped });
  await write([['t insert id 1 note a more x', 't insert id 20 note big more y', 'other insert id 1'], ...before]);
  for (const cache of [published, host, follower]) await follow(cache);
  await write(gap.slice(0, -1));
  if (meddling !== undefined) {
    await follow(published);
    await publishSnapshot(published, log, 2);
    execute(published, meddling);
  }
  await write(gap.slice(-1));
  for (const cache of [published, follower]) await follow(cache);
  await publishSnapshot(published, log, 2);
  await write([['other insert id 77']]);
  await follow(follower);
  for (const name of readdirSync(log).filter((each) => each.endsWith('.daystream')).sort().slice(0, -2)) rmSync(join(log, name));
  const args = ['--once', '--bootstrap', ...(keepDropped ? ['--keep-dropped'] : []), host];
  const { status, stderr } = runCommand('deltamirror', args);
  await write(later);
  if (later.length > 0) assert.equal(runCommand('deltamirror', args).status, 0);
  await follow(follower);
  return { log, host, follower, status, said: stderr };
}

function execute(path: string, sql: string): void {
  const cache = new Database(path);
  cache.exec(sql);
  cache.close();
}

/** Whether all of both is alike. */
function alike({ host, follower, status, said }: Ended): void {
  assert.equal(status, 0, said);
  assert.deepEqual(stateOf(host), stateOf(follower), said);
}

test('of a table that was dropped meanwhile the choice of columns and rows holds for the next one of its name', async (t) => {
  const ended = await scenario(t, { host: CHOSEN, gap: [['t drop _oid 1'], ['other insert id 2']], later: [NEW] });
  alike(ended);
  assert.deepEqual(query(ended.host, 'SELECT * FROM t'), [{ id: 5, note: 'five' }]);
});

test('of a table that was dropped and made again meanwhile it holds too', async (t) => {
  const ended = await scenario(t, { host: CHOSEN, gap: [['t drop _oid 1'], NEW], later: [['t insert id 6 note six more secret']] });
  alike(ended);
  assert.match(ended.said, /public\.t is gone: another table has its name by now/);
  assert.deepEqual(query(ended.host, 'SELECT * FROM t'), [{ id: 5, note: 'five' }, { id: 6, note: 'six' }]);
});

test('a renamed table takes its choice and its name in the cache along; a new one under its old name is another', async (t) => {
  const gap = [[shape('t2', 1, COLUMNS)], NEW];
  const later = [['t insert id 60 note n more m', 't2 insert id 60 note n more m', 't2 insert id 6 note n more m']];
  alike(await scenario(t, { host: CHOSEN, gap, later }));
  alike(await scenario(t, { host: { ...TABLE, table: 'mine' }, gap, later }));
});

test('rows of a dropped table that were kept stay when another one has its name by now', async (t) => {
  const ended = await scenario(t, { keepDropped: true, before: [['t drop _oid 1']], gap: [NEW, ['other insert id 2']], later: [['t insert id 6 note n more m']] });
  alike(ended);
  assert.deepEqual(ids(ended.host, '"t (dropped 1)"'), [1, 20]);
  assert.match(ended.said, /public\.t was dropped; its rows stay in t \(dropped 1\)/);
});

test('what the publisher keeps of a dropped table is its own', async (t) => {
  const ended = await scenario(t, { publisherKeeps: true, gap: [['t drop _oid 1'], ['other insert id 2']] });
  alike(ended);
  const fresh = `${ended.host}.new`;
  await bootstrap(ended.log, fresh);
  assert.deepEqual(query(fresh, 'SELECT name FROM _daystream_tables'), [{ name: 'other' }]);
});

test('a new table that the publisher has in quarantine is so here, with a cure that is of this cache', async (t) => {
  const gap = [[shape('n', 3, COLUMNS, 'create'), 'n insert id 5 note five more s'], ['other insert id 2']];
  const { log, host, status, said } = await scenario(t, { hostAsks: '*', publisher: 'CREATE TABLE n (x)', gap });
  assert.equal(status, 0, said);
  const fresh = `${host}.new`;
  await bootstrap(log, fresh);
  for (const path of [host, fresh]) {
    const [{ reason, cure }] = query(path, "SELECT reason, cure FROM _daystream_tables WHERE name = 'n'");
    assert.match(String(reason), /^the snapshot has it in quarantine: the cache has something else under the name n/);
    assert.equal(cure, `deltaimport --table n --into ${path}`);
  }
});

test('a table that went into quarantine meanwhile comes as it stood then, in quarantine, with the cure of this cache; the others go on', async (t) => {
  const { host, follower, status, said } = await scenario(t, { host: CHOSEN, gap: [['t insert id 2 note two more x', 't update id 1 note one'], ['t delete id 9', 't insert id 3 note three more x'], ['other insert id 2']], later: [['other insert id 3', 't insert id 4']] });
  assert.equal(status, 0, said);
  assert.match(said, /table public\.t is in quarantine there, and not in \S*host\.db/);
  for (const table of ['t', 'other']) assert.deepEqual(query(host, `SELECT * FROM ${table}`), query(follower, `SELECT * FROM ${table}`), table);
  assert.deepEqual(query(host, 'SELECT id, note FROM t'), [{ id: 1, note: 'one' }, { id: 2, note: 'two' }]);
  const states = (cache: string) => query(cache, "SELECT name, state, position, replace(reason, 'the snapshot has it in quarantine: ', '') AS reason FROM _daystream_tables ORDER BY name");
  assert.deepEqual(states(host), states(follower));
  const cure = `deltaimport --table t --into ${host}`;
  assert.deepEqual(query(host, "SELECT cure FROM _daystream_tables WHERE state = 'quarantined'"), [{ cure }]);
  assert.match(said, new RegExp(`public\\.t is in quarantine since .* — ${cure}`));
});

test('where an older snapshot has a table that is in quarantine in the newest as it was, that one is taken', async (t) => {
  const ended = await scenario(t, { gap: [['t insert id 2 note two more x'], ['t delete id 20', 'other insert id 2']], meddling: 'DELETE FROM t WHERE id = 20' });
  assert.match(ended.said, /is in quarantine there, .*; trying the one before it/);
  alike(ended);
  assert.deepEqual(ids(ended.host), [1, 2]);
});

test('a table that was in quarantine at the publisher before the host came so far would go back: all stays as it is, and the way out is said', async (t) => {
  const publisher = 'CREATE TRIGGER g AFTER INSERT ON t WHEN new.id = 20 BEGIN DELETE FROM t WHERE id = 1; END';
  const { host, status, said } = await scenario(t, { publisher, before: [['t delete id 1']], gap: [['t insert id 2 note two more x'], ['other insert id 2']] });
  assert.equal(status, 1);
  assert.match(said, /table public\.t is in quarantine there, and not in \S*host\.db.* — on the host that published it: deltaimport --table t --into \S*published\.db; then publish again/);
  assert.deepEqual([ids(host), query(host, "SELECT name FROM _daystream_tables WHERE state <> 'following'")], [[20], []]);
});

test('a cache never goes back: a log whose end was lost and written anew has later places with less in them', async (t) => {
  const folder = temporaryFolder(t);
  const [log, lost, published, host] = ['log', 'lost', 'published.db', 'host.db'].map((name) => join(folder, name));
  const write = async (path: string, day: number, ...xids: number[]): Promise<void> => {
    const writer = await openWriter(path, { clock: () => T0 + day * DAY });
    for (const xid of xids) writer.append(spaced(xid, [`t insert id ${xid}`]));
    await writer.sync();
    writer.close();
  };
  for (const cache of [published, host]) makeCache(cache, log, [keyedTable('t')]);
  await write(lost, 0, 1, 2, 3, 4, 5);
  await runMirror(host, lost);
  for (const xid of [1, 2, 3]) await write(log, xid - 1, xid);
  await runMirror(published, log);
  await publishSnapshot(published, log, 1);
  await write(log, 3, 4);
  for (const name of readdirSync(log).filter((each) => each.endsWith('.daystream')).sort().slice(0, -1)) rmSync(join(log, name));
  const { status, stderr } = runCommand('deltamirror', ['--once', '--bootstrap', '--source', log, host]);
  assert.equal(status, 1);
  assert.match(stderr, /reaches to LSN \S+, \S*host\.db to \S+: the log has lost what it had/);
  assert.deepEqual(ids(host), [1, 2, 3, 4, 5]);
});

test('a table that came meanwhile and has the name that the host gave another one is told by both their names; nothing is changed', async (t) => {
  const gap = [[shape('mine', 3, COLUMNS, 'create'), 'mine insert id 5 note five more s'], ['other insert id 2']];
  const { host, status, said } = await scenario(t, { host: { ...TABLE, table: 'mine' }, hostAsks: '*', gap });
  assert.equal(status, 1);
  assert.match(said, /public\.mine and public\.t: cannot be mirrored: SQLite cannot tell the two tables apart by name/);
  assert.deepEqual(ids(host, 'mine'), [1, 20]);
});
