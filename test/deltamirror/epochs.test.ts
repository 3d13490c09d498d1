/** Where history broke: a mirror takes the epoch at once or not at all, knows its tables again by their names, and is never silently wrong. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Folder } from '../../src/daystream/folder.js';
import { verifyLog } from '../../src/daystream/verify.js';
import { readTransactions } from '../../src/index.js';
import { openCache } from '../../src/sqlite/open.js';
import { readPosition, writePosition } from '../../src/sqlite/position.js';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { keyedTable, query, runMirror } from '../support/cache.js';
import { OTHER_IDENTITY, writeBehind, writeEpoch } from '../support/epoch.js';
import { bench, ids, T0, transaction, writeLog } from '../support/mirror.js';

/** The heads of a table with the integer key `id` and text columns, numbered from `first`. */
function head(table: string, oid: number, columns: readonly string[] = [], first = 1): string {
  return [`_table ${table} _action schema _oid ${oid} _identity default _key ${first} id ${first}~notnull~integer`, ...columns.map((name, i) => `${name} ${first + 1 + i}~null~text`)].join(' ');
}

const stateOf = (cache: string, table = 't') => query(cache, `SELECT oid, state, reason FROM _daystream_tables WHERE name = '${table}'`)[0];

test('rows of another server, with other oids and attribute numbers, are taken over by the names of tables and columns', async (t) => {
  const { log, cache } = bench(t, [keyedTable('t', ['a', 'b'])]);
  await writeLog(log, transaction(1, ['t insert id 1 a x b y', 't insert id 2 a x b y']));
  const epoch = await writeEpoch(log, { heads: [head('t', 40_000, ['a', 'b'], 3)], rows: ['_table t _action delete id 1', '_table t _action update id 2 a new b y', '_table t _action insert id 3 a z b \\N'] });
  await writeBehind(log, [transaction(1, ['t update id 3 a again'])]);
  await runMirror(cache, log);
  assert.deepEqual(query(cache, 'SELECT * FROM t'), [{ id: 2, a: 'new', b: 'y' }, { id: 3, a: 'again', b: null }]);
  assert.deepEqual(stateOf(cache), { oid: 40_000, state: 'following', reason: null });
  assert.deepEqual(query(cache, 'SELECT system, epoch, lsn, snapshot FROM _daystream_position'), [{ system: OTHER_IDENTITY.system, epoch, lsn: '0/1030', snapshot: null }]);
});

test('what the import saw, and LSNs of the history that ended, hide nothing of the new one', async (t) => {
  const { log, cache } = bench(t, [keyedTable('t')], '9:9:');
  await writeLog(log, transaction(9, ['t insert id 9']));
  await writeEpoch(log, { heads: [head('t', 1)] });
  await writeBehind(log, [transaction(1, ['t insert id 1']), transaction(2, ['t insert id 2'])]);
  await runMirror(cache, log);
  assert.deepEqual(ids(cache), [1, 2, 9]);
});

test('tables whose oids change hands keep their rows, those without a key too', async (t) => {
  const keyless = (name: string, oid: number): CacheTable => ({ ...keyedTable(name), oid, key: [], identity: 'full' });
  const { log, cache } = bench(t, [keyless('p', 1), keyless('q', 2)]);
  await writeLog(log, transaction(1, ['p insert id 1', 'p insert id 1', 'q insert id 5', 'p replace id 1', 'p update id 2', 'q replace id 5', 'q update id 6']));
  const shapes = [['p', 2], ['q', 1]].map(([table, oid]) => `_table ${table} _action schema _oid ${oid} _identity full _key  id 1~notnull~integer`);
  await writeEpoch(log, { heads: shapes, rows: ['_table p _action delete id 1', '_table q _action insert id 6'] });
  await writeBehind(log, [transaction(1, ['p replace id 2', 'p update id 3', 'q delete id 6'])]);
  await runMirror(cache, log);
  assert.deepEqual([ids(cache, 'p'), ids(cache, 'q')], [[3], [6]]);
});

test('a table without a key whose columns are in another order under the same oid keeps its rows', async (t) => {
  const table: CacheTable = { ...keyedTable('t', ['a']), key: [], identity: 'full' };
  const { log, cache } = bench(t, [table]);
  await writeLog(log, transaction(1, ['t insert id 1 a x', 't insert id 2 a y', 't replace id 2 a y', 't update id 3 a y']));
  await writeEpoch(log, { heads: ['_table t _action schema _oid 1 _identity full _key  a 2~null~text id 3~null~integer'], rows: ['_table t _action delete a x id 1'] });
  await writeBehind(log, [transaction(1, ['t replace a y id 3', 't update a z id 3'])]);
  await runMirror(cache, log);
  assert.deepEqual(stateOf(cache), { oid: 1, state: 'following', reason: null });
  assert.deepEqual(query(cache, 'SELECT id, a FROM t'), [{ id: 3, a: 'z' }]);
});

test('a host that chose rows and columns, and gave names, keeps its choice: a row that moves in is taken in', async (t) => {
  const table: CacheTable = { ...keyedTable('t', ['a', 'b']), table: 'mine', choice: { where: "a = 'in'", columns: ['id', 'a'] } };
  const columns = table.columns.map((column) => (column.name === 'b' ? { ...column, as: null } : column.name === 'a' ? { ...column, as: 'alpha' } : column));
  const { log, cache } = bench(t, [{ ...table, columns }]);
  await writeLog(log, transaction(1, ['t insert id 1 a in b 1', 't insert id 2 a out b 1']));
  await writeEpoch(log, { heads: [head('t', 9, ['a', 'b'], 5)], rows: ['_table t _action update id 2 a in b 2', '_table t _action update id 1 a out b 1', '_table t _action insert id 3 a out b 1'] });
  await runMirror(cache, log);
  assert.deepEqual(query(cache, 'SELECT * FROM mine'), [{ id: 2, alpha: 'in' }]);
  assert.equal(stateOf(cache).state, 'following');
});

test('P5: a table that the epoch does not name goes into quarantine, one that is dropped goes, and stays where that was asked for', async (t) => {
  for (const keepDropped of [false, true]) {
    const { log, cache } = bench(t, [keyedTable('t'), keyedTable('other'), { ...keyedTable('third'), oid: 3 }]);
    await writeLog(log, transaction(1, ['t insert id 1', 'other insert id 1', 'third insert id 1']));
    await writeEpoch(log, { heads: ['_table other _action drop _oid 2', head('third', 1)] });
    await writeBehind(log, [transaction(1, ['third insert id 2'])]);
    const { said } = await runMirror(cache, log, { keepDropped });
    assert.match(said.join(''), /public\.t goes into quarantine: the log no longer has it: .*deltaimport --tables? t --into/);
    assert.equal(stateOf(cache).state, 'quarantined');
    assert.deepEqual(ids(cache), [1], 'its rows can be read as they were');
    assert.deepEqual(ids(cache, 'third'), [1, 2]);
    assert.equal(query(cache, "SELECT count(*) AS n FROM sqlite_schema WHERE name = 'other'")[0].n, keepDropped ? 1 : 0);
  }
});

test('a table of which a copy is due waits for it; one that waits and of which none comes goes into quarantine', async (t) => {
  const waiting = { reason: 'rewritten', position: { clock: T0, sequence: 0 } };
  const { log, cache } = bench(t, [keyedTable('t'), { ...keyedTable('other'), waiting }, { ...keyedTable('third'), oid: 3, waiting }]);
  await writeLog(log, transaction(1, ['t insert id 1']));
  await writeEpoch(log, { heads: [head('t', 11), head('other', 12), head('third', 13)], reload: [11, 12] });
  await writeBehind(log, [transaction(1, ['t insert id 2', 'other insert id 2', 'third insert id 2'])]);
  const { applier } = await runMirror(cache, log);
  assert.deepEqual(['t', 'other', 'third'].map((table) => stateOf(cache, table).state), ['waiting', 'waiting', 'quarantined']);
  assert.deepEqual([applier.waiting, applier.quarantined], [2, 1]);
  assert.deepEqual(ids(cache), [1], 'it stands still until then');
});

test('P5: a cache that was ahead of the log where history broke is not taken for equal', async (t) => {
  for (const ahead of [{ snapshotLsn: 0x9000n }, { lsn: 0x9000n }]) {
    const { log, cache } = bench(t, [keyedTable('t'), keyedTable('other')]);
    await writeLog(log, transaction(1, ['t insert id 1']));
    await runMirror(cache, log);
    const open = openCache(cache);
    writePosition(open, { ...readPosition(open)!, ...ahead });
    open.close();
    await writeEpoch(log, { heads: [head('t', 1), head('other', 2)], rows: ['_table t _action insert id 2'], reload: [2] });
    await runMirror(cache, log);
    assert.match(String(stateOf(cache).reason), /ahead of the log/);
    assert.deepEqual(ids(cache), [1]);
    assert.equal(stateOf(cache, 'other').state, 'waiting', 'a copy makes it right');
  }
});

test('P5: a table that the differences do not fit goes into quarantine, the others go on, and a restart changes nothing', async (t) => {
  const { log, cache } = bench(t, [keyedTable('t'), keyedTable('other')]);
  await writeLog(log, transaction(1, ['t insert id 1', 'other insert id 1']));
  // The other one's oid is the first one's of before: the quarantine must not go to the wrong table.
  await writeEpoch(log, { heads: [head('t', 2), head('other', 1)], rows: ['_table other _action insert id 2', '_table t _action delete id 7'] });
  await writeBehind(log, [transaction(1, ['t insert id 3', 'other insert id 3'])]);
  await runMirror(cache, log);
  for (const run of [1, 2]) {
    assert.deepEqual([stateOf(cache).state, stateOf(cache, 'other').state], ['quarantined', 'following'], `run ${run}`);
    assert.deepEqual([ids(cache), ids(cache, 'other')], [[1], [1, 2, 3]]);
    await runMirror(cache, log);
  }
});

test('a mirror that is stopped in the middle of an epoch has nothing of it, and all of it later', async (t) => {
  const { log, cache } = bench(t, [keyedTable('t', ['a'])]);
  await writeLog(log, transaction(1, ['t insert id 0 a x']));
  const rows = Array.from({ length: 60_000 }, (_, i) => `_table t _action insert id ${i + 1} a ${'v'.repeat(40)}`);
  await writeEpoch(log, { heads: [head('t', 9, ['a'])], rows });
  await runMirror(cache, log, { signal: AbortSignal.timeout(60) });
  const between = query(cache, 'SELECT count(*) AS n FROM t')[0].n as number;
  assert.ok([0, 1, 60_001].includes(between), String(between));
  await runMirror(cache, log);
  assert.equal(query(cache, 'SELECT count(*) AS n FROM t')[0].n, 60_001);
});

test('a place above an epoch, given by --from, brings back nothing of the history that ended', async (t) => {
  const { log, cache } = bench(t);
  await writeLog(log, transaction(9, ['t insert id 1']));
  await writeEpoch(log, { heads: [head('t', 9)], rows: ['_table t _action delete id 1'] });
  await runMirror(cache, log);
  await writeBehind(log, [transaction(1, ['t insert id 5'])]);
  await runMirror(cache, log, { from: { clock: T0, sequence: 1 } });
  assert.deepEqual(ids(cache), [5]);
});

test('P6: an epoch that the log lost in a power loss, and a cache has, is found, also where another one was written', async (t) => {
  const { log, cache } = bench(t);
  await writeLog(log, transaction(1, ['t insert id 1']));
  const lost = await writeEpoch(log, { heads: [head('t', 9)], rows: ['_table t _action insert id 2'] });
  await runMirror(cache, log);
  rmSync(join(log, readdirSync(log).find((name) => name.includes(String(lost)))!));
  await assert.rejects(runMirror(cache, log), { code: 'log-foreign', message: new RegExp(`no epoch ${lost}`) });
  await writeEpoch(log, { heads: [head('t', 9)], rows: ['_table t _action insert id 3'] });
  await assert.rejects(runMirror(cache, log), { code: 'log-foreign' });
});

test('the end of a log that was written anew behind an epoch is applied once', async (t) => {
  const { log, cache } = bench(t);
  await writeLog(log, transaction(9, ['t insert id 1']));
  await writeEpoch(log, { heads: [head('t', 9)], rows: ['_table t _action insert id 2'] });
  await writeBehind(log, [transaction(1, ['t insert id 3'])]);
  await runMirror(cache, log);
  const open = openCache(cache);
  writePosition(open, { ...readPosition(open)!, crc: 1 });
  open.close();
  await writeBehind(log, [transaction(2, ['t insert id 4'])]);
  const { said } = await runMirror(cache, log);
  assert.match(said.join(''), /written anew/);
  assert.deepEqual(ids(cache), [1, 2, 3, 4]);
});

test('programs that read the log have the epoch as changes, whatever its size, and verify counts its lines', async (t) => {
  const { log } = bench(t);
  await writeLog(log, transaction(1, ['t insert id 1']));
  const rows = Array.from({ length: 40_000 }, (_, i) => `_table t _action insert id ${i + 2}`);
  const epoch = await writeEpoch(log, { heads: [head('t', 9)], rows });
  await writeBehind(log, [transaction(2, ['t insert id 0'])]);
  const seen: [number | undefined, bigint, number][] = [];
  for await (const transaction of readTransactions(log)) {
    let inserts = 0;
    for await (const { kind } of transaction.changes()) inserts += kind === 'insert' ? 1 : 0;
    seen.push([transaction.epoch, transaction.xid, inserts]);
  }
  assert.deepEqual(seen, [[undefined, 1n, 1], [epoch, 0n, 40_000], [undefined, 2n, 1]]);
  const folder = new Folder(log);
  const { transactions, segments, lines } = await verifyLog(folder);
  await folder.close();
  // Two open lines, two transactions of three, the horizon, and the epoch: its own line, a head, its end.
  assert.deepEqual([transactions, segments, lines], [2, 2, 2 + 6 + 1 + 40_003]);
});
