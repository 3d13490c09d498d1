/** What a table that cannot be followed does not take with it: the mirror goes on, and the other tables are whole. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { keyedTable, query } from '../support/cache.js';
import { part, play, rowsOf, shape, type Step } from '../support/mirror.js';

const A = 'a 2~null~text';
const T = keyedTable('t', ['a']);
const OTHER = keyedTable('other', ['a']);
const STATE = ['_table t _action indexes _oid 1', '_table t _action comments _oid 1'];

/** Asserts that the table goes out, and that `other` has these rows. */
async function assertOut(t: TestContext, table: CacheTable, steps: readonly Step[], others: readonly number[], name = table.name) {
  const before = "INSERT INTO _daystream_patterns (pattern) VALUES ('n')";
  const { cache, said, states } = await play(t, [table, OTHER], steps, { before });
  assert.equal(states.find((row) => row.name === name)?.state, 'quarantined', said);
  assert.deepEqual(rowsOf(cache, 'other').map(({ id }) => id), others);
  return { cache, said };
}

test('P5: a table that is new and cannot be followed from its first transaction on goes out once', async (t) => {
  await assertOut(t, T, [[1, shape('n', 9, A, 'create'), 'n insert id 1 a x', 'n insert id 1 a x'], [2, 'other insert id 1 a o', 'n insert id 2 a x']], [1], 'n');
});

test('P5: a key over a column that the host does not hold puts the table out', async (t) => {
  const [id, a] = T.columns;
  await assertOut(t, { ...T, columns: [id, { ...a, as: null }], choice: { columns: ['id'] } },
    [[1, 't schema _oid 1 _identity default _key 2 id 1~notnull~integer a 2~notnull~text'], [2, 'other insert id 1 a o']], [1]);
});

test('what the log says of a table in quarantine leaves it there', async (t) => {
  const { cache, said } = await assertOut(t, T, [[1, 't quarantine _reason q _cure y'], [2, 't indexes _oid 1 i 2', 't stale _oid 1 _reason r'], [3, 'other insert id 1 a o']], [1]);
  assert.deepEqual(query(cache, "SELECT name FROM sqlite_schema WHERE name = 'i'"), []);
  assert.doesNotMatch(said, /waits for a copy/);
});

test('behind a line that puts a table out, its rows are passed over and those of others are not', async (t) => {
  await assertOut(t, T, [[1, 't delete id 1', 't delete id 2', 't insert id 1 a x', 'other insert id 1 a o'], [2, 'other insert id 2 a o']], [1, 2]);
});

test('P5: a copy whose rows cannot be held puts the table out, and its later parts do not bring it back', async (t) => {
  await assertOut(t, T, [[1, 't stale _oid 1 _reason r'],
    part(0, [`_table ${shape('t', 1, A).replace(' ', ' _action ')}`, ...STATE], { snapshot: '3:3:' }),
    part(1, ['_table t _action insert id 1 a x', '_table t _action insert id 1 a x']), part(2, ['_table t _action insert id 2 a x']), part(3, [], { isLast: true }),
    [4, 'other insert id 1 a o']], [1]);
});

test('P5: a copy that no longer has what a filter asks for puts the table out', async (t) => {
  await assertOut(t, { ...T, choice: { where: "a = 'x'" } }, [[1, 't stale _oid 1 _reason r'],
    part(0, [`_table ${shape('t', 1, 'b 3~null~text').replace(' ', ' _action ')}`, ...STATE], { snapshot: '3:3:' }), part(1, ['_table t _action insert id 1 b x'], { isLast: true }),
    [4, 'other insert id 1 a o']], [1]);
});

test('P5: a copy of a table whose name another one has to the end puts it out, and that one stays', async (t) => {
  const { cache, states, said } = await play(t, [T], [[1, 't insert id 1 a x'],
    part(0, [`_table ${shape('t', 9, A).replace(' ', ' _action ')}`], { snapshot: '2:2:', oid: 9 }), part(1, ['_table t _action insert id 9 a new'], { oid: 9, isLast: true }),
    [3, 't insert id 2 a x']]);
  assert.match(said, /another table has its name/);
  assert.deepEqual(rowsOf(cache, 't').map(({ id }) => id), [1, 2]);
  assert.deepEqual(states.map(({ state }) => state), ['quarantined', 'following']);
});

test('what became of a table in a transaction that a fault undoes is told once', async (t) => {
  const { said } = await play(t, [T, OTHER], [[1, 't drop _oid 1', 'other delete id 77']]);
  assert.equal(said.match(/public\.t was dropped/g)?.length, 1, said);
});
