/** Tables that were copied into a cache which stands at an earlier place of the log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WriterOptions } from '../../src/daystream/writer.js';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { keyedTable, query, runMirror } from '../support/cache.js';
import { openWriter } from '../support/log.js';
import { bench, ids, T0, transaction, writeLog } from '../support/mirror.js';

const OTHER: CacheTable = { ...keyedTable('other'), oid: 2 };
/** A copy that saw the transactions 1 to 3, and was taken when the third had its record. */
const JOINING: CacheTable = { ...keyedTable('t'), joining: { snapshot: '4:4:', lsn: 0x3030n, position: { clock: T0, sequence: 0 } } };

const stateOf = (cache: string) => query(cache, "SELECT state, snapshot, lsn, position FROM _daystream_tables WHERE name = 't'")[0];

/** Writes what a deltastream with these options writes: transactions, then a horizon. */
async function stream(log: string, options: WriterOptions, ...transactions: Buffer[]): Promise<void> {
  const writer = await openWriter(log, { clock: () => T0, ...options });
  for (const each of transactions) writer.append(each);
  writer.horizon(0n, 1n, undefined);
  await writer.sync();
  writer.close();
}

test('P3: a table that joined is ahead, and says so, until the cache has come to its copy; then it is followed like the others', async (t) => {
  const { log, cache } = bench(t, [JOINING, OTHER]);
  await writeLog(log, transaction(1, ['t insert id 1', 'other insert id 1']), transaction(2, ['t insert id 2']));
  await runMirror(cache, log);
  assert.deepEqual(stateOf(cache), { state: 'joining', snapshot: '4:4:', lsn: '0/3030', position: `${T0}:0` });
  await writeLog(log, transaction(3, ['t insert id 3', 'other insert id 3']));
  await runMirror(cache, log);
  assert.deepEqual(stateOf(cache), { state: 'following', snapshot: null, lsn: null, position: null });
  assert.deepEqual(ids(cache), [], 'what the copy saw is not applied to it');
  assert.deepEqual(ids(cache, 'other'), [1, 3]);
  await writeLog(log, transaction(4, ['t insert id 4']));
  await runMirror(cache, log);
  assert.deepEqual(ids(cache), [4]);
});

test('what the copy did not see is applied while its table joins', async (t) => {
  const { log, cache } = bench(t, [{ ...JOINING, joining: { ...JOINING.joining!, snapshot: '2:4:2' } }]);
  await writeLog(log, transaction(1, ['t insert id 1']), transaction(2, ['t insert id 2']));
  const { applier } = await runMirror(cache, log);
  assert.equal(applier.joining, 1);
  assert.deepEqual(ids(cache), [2]);
});

test('P3: what was undone with the fault of another table is joined anew: nothing that the copy saw is applied twice', async (t) => {
  const { log, cache } = bench(t, [JOINING, OTHER]);
  await writeLog(log,
    transaction(1, ['t insert id 1', 'other insert id 1']),
    transaction(3, ['t insert id 3']), // here the cache has come to the copy
    transaction(4, ['t insert id 4', 'other delete id 9']));
  const { applier, said } = await runMirror(cache, log);
  assert.match(said.join(''), /public\.other goes into quarantine/);
  assert.equal(applier.joining, 0);
  assert.equal(stateOf(cache).state, 'following');
  assert.deepEqual([ids(cache), ids(cache, 'other')], [[4], [1]]);
});

test('a table that goes out while it joins is not said to have joined', async (t) => {
  const { log, cache } = bench(t, [{ ...JOINING, joining: { ...JOINING.joining!, snapshot: '2:2:' } }, OTHER]);
  await writeLog(log, transaction(2, ['t delete id 9']), transaction(4, ['other insert id 4']));
  const { applier, said } = await runMirror(cache, log);
  assert.deepEqual([applier.quarantined, applier.joining], [1, 0]);
  assert.doesNotMatch(said.join(''), /joined/);
  assert.equal(stateOf(cache).state, 'quarantined');
});

test('a horizon above the one that a table joined behind does not tell that the log lacks it; a later one does, though it says the same', async (t) => {
  const { log, cache } = bench(t, [{ ...JOINING, joining: { ...JOINING.joining!, position: { clock: T0, sequence: 5 } } }, OTHER]);
  for (const xid of [1, 2]) await stream(log, { tables: 'other' }, transaction(xid, [`other insert id ${xid}`]));
  const { said } = await runMirror(cache, log);
  assert.match(said.join(''), /public\.t goes into quarantine .*deltastream follows it no longer/);
  assert.equal(stateOf(cache).position, `${T0}:9`);
});

test('a table that joins takes the shape that a transaction gives it which its copy did not see', async (t) => {
  const { log, cache } = bench(t, [JOINING, OTHER]);
  const lines = ['t schema _oid 1 _identity default _key 1 id 1~notnull~integer', 't insert id 7'];
  await stream(log, {}, ...[8, 9].map((xid) => Buffer.from(transaction(xid, xid === 8 ? lines : ['t schema _oid 1 _identity default _key 1 id 1~notnull~integer a 2~null~text', 't insert id 8 a x']).toString().replaceAll('~', ' '))));
  const { said } = await runMirror(cache, log);
  assert.deepEqual(ids(cache), [7, 8], said.join(''));
});
