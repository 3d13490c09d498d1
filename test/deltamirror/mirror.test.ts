import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { parsePosition } from '../../src/daystream/position.js';
import { Writer } from '../../src/daystream/writer.js';
import { keyedTable, query, runMirror } from '../support/cache.js';
import { appendTransactions, IDENTITY, openWriter, readAll, transactionLines } from '../support/log.js';
import { bench, ids, T0, transaction, writeLog } from '../support/mirror.js';
import { until } from '../support/path.js';

/** True while another connection has a write transaction open. */
function isWritten(cache: string): boolean {
  const other = new Database(cache, { timeout: 0 });
  try {
    other.exec('BEGIN IMMEDIATE; ROLLBACK');
    return false;
  } catch {
    return true;
  } finally {
    other.close();
  }
}

/** Changes a cache behind the mirror's back. */
function alter(cache: string, sql: string): void {
  const other = new Database(cache);
  try {
    other.exec(sql);
  } finally {
    other.close();
  }
}

test('replaying a log applies every change once, and replaying it again changes nothing', async (t) => {
  const { log, cache } = bench(t, [keyedTable('t', ['a', 'b'])]);
  await writeLog(log,
    transaction(1, ['t insert id 1 a x b \\N', 't insert id 2 a  b y']),
    transaction(2, ['t update id 1 a z', 't replace id 2', 't update id 3 a tab\\there b y']),
    transaction(3, ['t insert id 2 a new b \\\\N', 't delete id 1']));
  const first = await runMirror(cache, log);
  assert.equal(first.applier.transactions, 3);
  const rows = query(cache, 'SELECT * FROM t ORDER BY id');
  assert.deepEqual(rows, [{ id: 2, a: 'new', b: '\\N' }, { id: 3, a: 'tab\there', b: 'y' }]);
  const again = await runMirror(cache, log);
  assert.equal(again.applier.transactions, 0);
  const fromStart = await runMirror(cache, log, { from: parsePosition('0:0') });
  assert.equal(fromStart.applier.transactions, 0, 'P4: what the cache has is skipped by LSN');
  assert.deepEqual(query(cache, 'SELECT * FROM t ORDER BY id'), rows);
});

test('P3: of a transaction that is not whole in the log nothing is visible, and all of it once it is', async (t) => {
  const { log, cache } = bench(t);
  const writer = await openWriter(log);
  appendTransactions(writer, 1, 1);
  const lines = transactionLines(2, 0x2000n, ['20', '21', '22']).toString().split('\n');
  for (const line of lines) {
    writer.write();
    await runMirror(cache, log);
    assert.deepEqual(ids(cache), [1]);
    writer.append(Buffer.from(line));
  }
  writer.write();
  await runMirror(cache, log);
  assert.deepEqual(ids(cache), [1, 20, 21, 22]);
  writer.close();
});

test('P4: after a power loss took back the end of the log, transactions that come again at later positions are skipped', async (t) => {
  const { log, cache } = bench(t);
  let clock = T0;
  const writer = await openWriter(log, { clock: () => clock });
  appendTransactions(writer, 1, 7);
  const segment = join(log, readdirSync(log)[0]);
  writer.write();
  const kept = readFileSync(segment).length;
  appendTransactions(writer, 8, 3);
  await writer.sync();
  writer.close();
  await runMirror(cache, log);
  assert.deepEqual(ids(cache), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  truncateSync(segment, kept);
  await assert.rejects(runMirror(cache, log), { code: 'log-missing' }, 'the log now ends before the cache');
  clock += 3;
  const again = await openWriter(log, { clock: () => clock });
  appendTransactions(again, 8, 5);
  await again.sync();
  again.close();
  const { said } = await runMirror(cache, log);
  assert.match(said.join(''), /written anew/);
  assert.deepEqual(ids(cache), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

test('P4: where the position cannot be written, no row of its batch is visible', async (t) => {
  const { log, cache } = bench(t);
  await writeLog(log, transaction(1, ['t insert id 1']));
  await runMirror(cache, log);
  const before = query(cache, 'SELECT * FROM _daystream_position');
  await writeLog(log, transaction(2, ['t insert id 2']), transaction(3, ['t insert id 3', 't delete id 1']));
  alter(cache, "CREATE TRIGGER held BEFORE UPDATE ON _daystream_position BEGIN SELECT RAISE(ABORT, 'held'); END");
  await assert.rejects(runMirror(cache, log), /held/);
  assert.deepEqual(ids(cache), [1]);
  assert.deepEqual(query(cache, 'SELECT * FROM _daystream_position'), before);
  alter(cache, 'DROP TRIGGER held');
  await runMirror(cache, log);
  assert.deepEqual(ids(cache), [2, 3]);
});

for (const shift of [0, 1, 2, 3, 4]) {
  test(`P4: of a log that was written anew within the same second, ${shift} lines later than before, every row is applied once`, async (t) => {
    const { log, cache } = bench(t);
    const writer = await openWriter(log, { clock: () => T0 });
    appendTransactions(writer, 1, 7);
    writer.write();
    const segment = join(log, readdirSync(log)[0]);
    const kept = readFileSync(segment).length;
    appendTransactions(writer, 8, 3);
    await writer.sync();
    writer.close();
    await runMirror(cache, log);
    truncateSync(segment, kept); // the power loss
    const again = await openWriter(log, { clock: () => T0 });
    for (let i = 0; i < shift; i++) again.horizon(0n, 1n, undefined);
    appendTransactions(again, 8, 5);
    await again.sync();
    again.close();
    // The cache's position is again a line of the log: shifted by 3 even the last line of a unit, so that only the crc tells.
    const { said } = await runMirror(cache, log);
    assert.equal(/written anew/.test(said.join('')), shift > 0);
    assert.deepEqual(ids(cache), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });
}

test('transactions that the import saw are skipped by their xid, and no others', async (t) => {
  const { log, cache } = bench(t, [keyedTable('t')], '3:6:4');
  await writeLog(log, ...[2, 3, 4, 5, 6].map((xid) => transaction(xid, [`t insert id ${xid}`])));
  await runMirror(cache, log);
  assert.deepEqual(ids(cache), [4, 6]);
});

const DIVERGED: readonly [string, string[], RegExp][] = [
  ['an update that finds no row', ['t update id 9 a x'], /update found no row/],
  ['a delete that finds no row', ['t delete id 9'], /delete found no row/],
  ['an insert that finds one', ['t insert id 1 a x'], /insert met a row/],
  ['a key change onto a key that is there', ['t insert id 2 a x', 't replace id 2', 't update id 1 a x'], /new key already/],
  ['a column that the cache does not have', ['t insert id 2 a x c y'], /has a column c/],
  ['an insert with a column too few', ['t insert id 2'], /fewer columns/],
  ['a quarantine line of the log', ['t quarantine _reason because _cure mend'], /because — mend/],
];

for (const [name, lines, reason] of DIVERGED) {
  test(`P5: ${name} puts its table in quarantine as of the transaction before, and the others go on`, async (t) => {
    const { log, cache } = bench(t, [keyedTable('t', ['a']), keyedTable('other')]);
    await writeLog(log,
      transaction(1, ['t insert id 1 a first']),
      transaction(2, ['other insert id 2', 't update id 1 a half', ...lines]),
      transaction(3, ['t update id 1 a later', 'other insert id 3']));
    const { applier, said } = await runMirror(cache, log);
    assert.match(said.join(''), reason);
    assert.equal(applier.quarantined, 1);
    assert.deepEqual(query(cache, 'SELECT * FROM t'), [{ id: 1, a: 'first' }]);
    assert.deepEqual(ids(cache, 'other'), [2, 3]);
    const [row] = query(cache, "SELECT state, reason, cure, position FROM _daystream_tables WHERE name = 't'");
    assert.equal(row.state, 'quarantined');
    assert.match(String(row.cure), /deltaimport --table t --into .*cache\.db$/);
    assert.equal(row.position, `${T0}:4`);
    const again = await runMirror(cache, log);
    assert.equal(again.applier.quarantined, 1);
    assert.match(again.said.join(''), /is in quarantine/);
  });
}

test('P5: a table that deltastream follows no longer goes into quarantine before the first transaction that may lack its rows', async (t) => {
  const { log, cache } = bench(t, [keyedTable('t'), keyedTable('other')]);
  let writer = await openWriter(log, { clock: () => T0, tables: 't,other' });
  writer.append(transaction(1, ['t insert id 1', 'other insert id 1']));
  writer.horizon(0n, 1n, undefined);
  await writer.sync();
  writer.close();
  writer = await openWriter(log, { clock: () => T0, tables: 'other' });
  writer.append(transaction(2, ['other insert id 2'])); // what it did to t is not here
  await writer.sync();
  writer.close();
  writer = await openWriter(log, { clock: () => T0 });
  writer.append(transaction(3, ['t insert id 3', 'other insert id 3']));
  await writer.sync();
  writer.close();
  const { said } = await runMirror(cache, log);
  assert.match(said.join(''), /public\.t goes into quarantine.*runs with --tables other/);
  assert.deepEqual(ids(cache), [1]);
  assert.deepEqual(ids(cache, 'other'), [1, 2, 3]);
  assert.deepEqual(query(cache, "SELECT state FROM _daystream_tables WHERE name = 't'"), [{ state: 'quarantined' }]);
  assert.deepEqual((await readAll(log)).map((unit) => unit.kind), ['open', 'horizon', 'transaction', 'horizon', 'horizon', 'transaction', 'horizon', 'transaction']);
});

test('a log of another system or slot is refused before anything is applied', async (t) => {
  const { log, cache, folder } = bench(t);
  await writeLog(log, transaction(1, ['t insert id 1']));
  await runMirror(cache, log);
  for (const identity of [{ ...IDENTITY, slot: 'other' }, { ...IDENTITY, system: '99' }]) {
    const foreign = join(folder, `${identity.slot}-${identity.system}`);
    const writer = await Writer.open(foreign, identity, 0n, { clock: () => T0 });
    appendTransactions(writer, 1, 3);
    await writer.sync();
    writer.close();
    await assert.rejects(runMirror(cache, foreign), { code: 'log-foreign' });
    await assert.rejects(runMirror(cache, foreign, { from: parsePosition('0:0') }), { code: 'log-foreign' });
  }
  assert.deepEqual(ids(cache), [1]);
});

test('--from behind what the cache holds is refused, before the log or past its end too', async (t) => {
  const { log, cache } = bench(t);
  await writeLog(log, transaction(1, ['t insert id 1']), transaction(2, ['t insert id 2']));
  await assert.rejects(runMirror(cache, log, { from: parsePosition(`${T0}:99`) }), { code: 'log-missing', message: /ends before/ });
  await assert.rejects(runMirror(cache, log, { from: parsePosition('5:0') }), { code: 'log-missing', message: /begins at/ });
  await runMirror(cache, log);
  await assert.rejects(runMirror(cache, log, { from: parsePosition(`${T0 + 5}:0`) }), { code: 'usage' });
});

test('a transaction larger than a block is applied like any other', async (t) => {
  const { log, cache } = bench(t, [keyedTable('t', ['a'])]);
  const big = Array.from({ length: 40_000 }, (_, i) => `t insert id ${i} a ${'x'.repeat(i % 97)}`);
  await writeLog(log, transaction(1, big), transaction(2, ['t delete id 7']), transaction(3, ['t insert id 7 a ' + 'y'.repeat(3 << 20)]));
  await runMirror(cache, log);
  assert.deepEqual(query(cache, 'SELECT count(*) AS n, sum(length(a)) AS bytes FROM t'), [{ n: 40_000, bytes: big.reduce((sum, _, i) => sum + (i === 7 ? 3 << 20 : i % 97), 0) }]);
});

test('a stop in the middle of a large transaction leaves the cache as of the one before', async (t) => {
  const { log, cache } = bench(t, [keyedTable('t', ['a'])]);
  const lines = Array.from({ length: 100_000 }, (_, i) => `t insert id ${i + 2} a ${'x'.repeat(50)}`);
  await writeLog(log, transaction(1, ['t insert id 1 a x']));
  await runMirror(cache, log);
  await writeLog(log, transaction(2, lines));
  const stop = new AbortController();
  const running = runMirror(cache, log, { signal: stop.signal });
  await until('the transaction to be at work', () => isWritten(cache));
  stop.abort();
  await running;
  assert.deepEqual(ids(cache), [1]);
  await runMirror(cache, log);
  assert.equal(ids(cache).length, 100_001);
});

test('a table named like a key of the format, and columns that begin with an underscore, are only names', async (t) => {
  const { log, cache } = bench(t, [keyedTable('_action', ['_crc', '_table'])]);
  await writeLog(log, transaction(1, ['_action insert id 1 \\_crc _crc \\_table 00000000']), transaction(2, ['_action update id 1 \\_crc \\N']));
  await runMirror(cache, log);
  assert.deepEqual(query(cache, 'SELECT * FROM _action'), [{ id: 1, _crc: null, _table: '00000000' }]);
});

test('rows without a key: one of several equal rows goes, and one is changed', async (t) => {
  const nokey = { ...keyedTable('t', ['a']), key: [], identity: 'full' as const };
  const { log, cache } = bench(t, [nokey]);
  await writeLog(log,
    transaction(1, ['t insert id 1 a \\N', 't insert id 1 a \\N', 't insert id 1 a \\N', 't insert id \\N a x']),
    transaction(2, ['t delete id 1 a \\N', 't replace id 1 a \\N', 't update id 2 a \\N', 't replace id \\N a x', 't update id \\N a z']));
  await runMirror(cache, log);
  assert.deepEqual(query(cache, 'SELECT * FROM t ORDER BY id, a'), [{ id: null, a: 'z' }, { id: 1, a: null }, { id: 2, a: null }]);
});

test('P5: several tables that one transaction faults go out together, each for its own reason, and the others have all of it', async (t) => {
  const tables = ['a', 'b', 'c', 'd'].map((name, i) => ({ ...keyedTable(name, ['v']), oid: i + 1 }));
  const { log, cache } = bench(t, tables);
  await writeLog(log,
    transaction(1, ['a insert id 1 v x', 'd insert id 1 v x']),
    transaction(2, ['d insert id 2 v x', 'a insert id 1 v y', 'b quarantine _reason because _cure mend', 'a insert id 5 v z', 'c update id 7 v x', 'd update id 1 v z']),
    transaction(3, ['a insert id 9 v x', 'd insert id 3 v x']));
  const { said, applier } = await runMirror(cache, log);
  assert.deepEqual(query(cache, "SELECT name, reason FROM _daystream_tables WHERE state = 'quarantined' ORDER BY name"), [
    { name: 'a', reason: 'an insert met a row that is there already: the cache has diverged from Postgres' },
    { name: 'b', reason: 'because' },
    { name: 'c', reason: 'an update found no row: the cache has diverged from Postgres' },
  ]);
  assert.equal(said.filter((text) => text.includes('goes into quarantine')).length, 3);
  assert.deepEqual(query(cache, 'SELECT id, v FROM d ORDER BY id'), [{ id: 1, v: 'z' }, { id: 2, v: 'x' }, { id: 3, v: 'x' }]);
  assert.deepEqual([ids(cache, 'a'), applier.quarantined], [[1], 3]);
});
