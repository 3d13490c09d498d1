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
  readonly later?: Days;
}

interface Ended { readonly log: string; readonly host: string; readonly follower: string; readonly status: number | null; readonly said: string }

/** A day of the log for each list of lines. The publisher asks for all that there is. */
async function scenario(t: TestContext, { host: table = TABLE, hostAsks, publisher = '', keepDropped = false, publisherKeeps = false, before = [], gap, later = [] }: Scenario): Promise<Ended> {
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
  await write(gap);
  for (const cache of [published, follower]) await follow(cache);
  await publishSnapshot(published, log, 1);
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

test('a table that is well here and in quarantine at the publisher stays as it is: the snapshot is passed over', async (t) => {
  const { host, status, said } = await scenario(t, { gap: [['t delete id 99'], ['other insert id 2']] });
  assert.equal(status, 1);
  assert.match(said, /table public\.t is in quarantine there, and not in \S*host\.db/);
  assert.deepEqual(ids(host), [1, 20]);
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
