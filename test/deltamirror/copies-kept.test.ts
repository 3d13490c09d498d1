/** Which copies of the log a table takes, and what is kept for it while one comes in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { keyedTable, query } from '../support/cache.js';
import { part, play, rowsOf, shape } from '../support/mirror.js';

const A = 'a 2~null~text';
const T = keyedTable('t', ['a']);
const STATE = ['_table t _action indexes _oid 1', '_table t _action comments _oid 1'];
const begin = (snapshot: string) => part(0, [`_table ${shape('t', 1, A).replace(' ', ' _action ')}`, ...STATE], { snapshot });
const row = (id: number) => `_table t _action insert id ${id} a new`;
const ids = (cache: string, table = 't') => rowsOf(cache, table).map(({ id }) => id);

test('a table that waits takes a copy also where the import of its cache saw all that the copy saw', async (t) => {
  const waiting: CacheTable = { ...T, waiting: { reason: 'r', position: { clock: 1, sequence: 0 } } };
  for (const [table, ...steps] of [[T, [20, 't stale _oid 1 _reason r'] as const, begin('21:21:')], [waiting, begin('10:10:')]] as const) {
    const { cache, states } = await play(t, [table], [...steps, part(1, [row(9)], { isLast: true })], { snapshot: '15:15:' });
    assert.deepEqual([ids(cache), states[0].state], [[9], 'following']);
  }
});

test('a truncate while a copy comes in takes the rows of before it and none of after it', async (t) => {
  const { cache } = await play(t, [T], [begin('3:3:'), part(1, [row(1)]),
    [3, 't insert id 2 a x', 't truncate', 't insert id 3 a x'],
    part(2, [], { isLast: true }), [4, 't insert id 4 a x']]);
  assert.deepEqual(ids(cache), [3, 4]);
});

test('P5: what the log cannot carry while a copy comes in puts the table out, unless the copy saw it', async (t) => {
  for (const [xid, state] of [[3, 'quarantined'], [2, 'following']] as const) {
    const { states, said } = await play(t, [T], [begin('3:3:'), part(1, [row(1)]), [xid, 't quarantine _reason q _cure y'], part(2, [], { isLast: true })]);
    assert.equal(states[0].state, state, said);
  }
});

test('what the log cannot carry of a table that waits is nothing to it: the copy that comes has it', async (t) => {
  const waiting = [[1, 't stale _oid 1 _reason r'], [2, 't quarantine _reason q _cure y']] as const;
  assert.equal((await play(t, [T], waiting)).states[0].state, 'waiting');
  const { cache, states } = await play(t, [T], [...waiting, begin('3:3:'), part(1, [row(1)], { isLast: true })]);
  assert.deepEqual([ids(cache), states[0].state], [[1], 'following']);
});

test('a table that is altered while its copy comes in, and then renamed, leaves its old name to the one that has it by then', async (t) => {
  const { cache, said } = await play(t, [T], [begin('3:3:'), part(1, [row(1)]),
    [3, shape('t', 1, `${A} b 3~null~text`), 't insert id 2 a x b y'],
    [4, shape('u', 1, `${A} b 3~null~text`), shape('t', 9, A, 'create'), 't insert id 7 a z'],
    part(2, [], { isLast: true }), [5, 'u insert id 3 a x b y', 't insert id 8 a z']]);
  assert.deepEqual(rowsOf(cache, 'u'), [{ id: 1, a: 'new', b: null }, { id: 2, a: 'x', b: 'y' }, { id: 3, a: 'x', b: 'y' }], said);
  assert.deepEqual(ids(cache), [7, 8]);
});

test('P3: what the log says of a table that joins, and its copy saw, is passed over, whatever it says', async (t) => {
  const joining: CacheTable = { ...T, joining: { snapshot: '10:10:', lsn: 0x20000n, position: { clock: 1, sequence: 0 } } };
  const { cache, states } = await play(t, [joining], [[5, shape('t', 1, `${A} z 3~null~text`), 't stale _oid 1 _reason r', 't indexes _oid 1 i 2'], [11, 't insert id 2 a y']]);
  assert.deepEqual([rowsOf(cache, 't'), states[0].state], [[{ id: 2, a: 'y' }], 'joining']);
  assert.deepEqual(query(cache, "SELECT name FROM sqlite_schema WHERE name = 'i'"), []);
});

test('a table that joins is not taken for the one that had its name before, as its copy saw', async (t) => {
  const joining: CacheTable = { ...T, joining: { snapshot: '10:10:', lsn: 0x20000n, position: { clock: 1, sequence: 0 } } };
  const { cache, states } = await play(t, [joining], [[5, shape('t', 9, A, 'create'), 't insert id 1 a x'], [6, 't drop _oid 9', shape('t', 1, A)], [11, 't insert id 2 a y']]);
  assert.deepEqual([ids(cache), states.map(({ state }) => state)], [[2], ['joining']]);
});

test('a table that is stale while it joins waits, and joins no more', async (t) => {
  const joining: CacheTable = { ...T, joining: { snapshot: '4:4:', lsn: 0x20000n, position: { clock: 1, sequence: 0 } } };
  const { applier, states } = await play(t, [joining], [[5, 't stale _oid 1 _reason r']]);
  assert.deepEqual([states[0].state, applier.joining, applier.waiting], ['waiting', 0, 1]);
});

test('indexes and comments that the log states while a copy comes in are there with it', async (t) => {
  const { cache } = await play(t, [T], [begin('3:3:'), part(1, [row(1)]), [3, 't indexes _oid 1 i 2', 't comments _oid 1 _comment said'], part(2, [], { isLast: true })]);
  assert.equal(query(cache, "SELECT tbl_name FROM sqlite_schema WHERE name = 'i'")[0]?.tbl_name, 't');
  assert.equal(query(cache, 'SELECT comments FROM _daystream_tables')[0].comments, '{"0":"said"}');
});

test('of a table that the cache lacks, and that is dropped while its copy comes in, nothing is left', async (t) => {
  const { cache, states } = await play(t, [keyedTable('other')], [begin('3:3:'), part(1, [row(1)]), [3, 't insert id 2 a x', 't drop _oid 1'], part(2, [], { isLast: true })], { before: "INSERT INTO _daystream_patterns (pattern) VALUES ('t')" });
  assert.deepEqual(states.map(({ name }) => name), ['other']);
  assert.deepEqual(query(cache, "SELECT name FROM sqlite_schema WHERE name LIKE '%daystream\\_copy%' ESCAPE '\\' UNION ALL SELECT line FROM _daystream_kept"), []);
});
