/** Names that change hands within a transaction: each table ends with its own rows, whatever the order of the lines. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { keyedTable, query } from '../support/cache.js';
import { part, play, rowsOf, shape, type PlayOptions, type Step } from '../support/mirror.js';

const A = 'a 2~null~text';
const STAR = "DELETE FROM _daystream_patterns; INSERT INTO _daystream_patterns (pattern) VALUES ('public.*')";
const starred = (name: string, more: Partial<CacheTable> = {}): CacheTable => ({ ...keyedTable(name, ['a']), pattern: 'public.*', ...more });

/** A host that takes all of a schema and has t (oid 1) and other (oid 2), after these steps. */
async function after(t: TestContext, steps: readonly Step[], options: PlayOptions = {}, more: readonly CacheTable[] = []) {
  const played = await play(t, [starred('t'), starred('other'), ...more], steps, { ...options, before: `${STAR}; ${options.before ?? ''}` });
  return { ...played, rows: (table: string) => rowsOf(played.cache, table).map(({ id, a }) => `${id}${a}`), state: (name: string) => played.states.find((row) => row.name === name)?.state };
}

const TWO = [1, 't insert id 1 a x', 'other insert id 1 a o'] as const;

test('a table that gave way by a detour takes its own name back, with the rows of the time between', async (t) => {
  const { rows } = await after(t, [TWO,
    [2, shape('tmp', 1, A), 'tmp insert id 2 a x', shape('t', 2, A), 't insert id 2 a o', shape('other', 2, A), shape('t', 1, A), 't insert id 3 a x', 'other insert id 3 a o'],
    [3, 't insert id 4 a x']]);
  assert.deepEqual([rows('t'), rows('other')], [['1x', '2x', '3x', '4x'], ['1o', '2o', '3o']]);
});

test('a table whose name another one bore for a while takes it back though its own line names it as before', async (t) => {
  const { rows } = await after(t, [TWO,
    [2, shape('t', 2, A), 't insert id 2 a o', shape('other', 2, A), shape('t', 1, A), 't insert id 3 a x'],
    [3, 't insert id 4 a x']]);
  assert.deepEqual([rows('t'), rows('other')], [['1x', '3x', '4x'], ['1o', '2o']]);
});

test('a table whose name a transaction from before a swap gives to the other one, and that says nothing of the first, keeps it', async (t) => {
  const { rows, state } = await after(t, [TWO, [2, shape('other', 1, A), shape('t', 2, A)],
    [3, shape('other', 2, A), 'other insert id 2 a o', shape('t', 2, A)],
    [4, 'other insert id 4 a x', 't insert id 5 a o'],
    [5, 'other stale _oid 1 _reason r'],
    [6, shape('other', 2, A), 'other insert id 6 a o', shape('t', 2, A)]]);
  assert.deepEqual([rows('other'), rows('t'), state('other')], [['1x', '4x'], ['1o', '2o', '5o', '6o'], 'waiting']);
});

test('a table that waits for a copy takes its name back like any', async (t) => {
  const { rows, state } = await after(t, [TWO, [2, 't stale _oid 1 _reason r'],
    [3, shape('t', 2, A), 't insert id 2 a o', shape('other', 2, A), shape('t', 1, A)],
    [4, 'other insert id 4 a o']]);
  assert.deepEqual([rows('t'), rows('other'), state('t')], [['1x'], ['1o', '2o', '4o'], 'waiting']);
});

test('P5: a swap that a fault of one of the two undoes is made again', async (t) => {
  const { rows, state } = await after(t, [TWO,
    [2, shape('other', 1, A), 't delete id 77', shape('t', 2, A), 'other insert id 2 a x'],
    [3, 'other insert id 4 a x']]);
  assert.deepEqual([rows('other'), state('other')], [['1x', '2x', '4x'], 'following']);
});

test('P5: a fault of a third table, while a table has given way, leaves nothing of that behind', async (t) => {
  const { rows, state } = await after(t, [TWO,
    [2, shape('other', 1, A), 'third delete id 77', shape('t', 2, A), 'other insert id 2 a x'],
    [3, 'other insert id 4 a x', 't insert id 2 a o']], {}, [starred('third', { oid: 3 })]);
  assert.deepEqual([rows('other'), rows('t'), state('third')], [['1x', '2x', '4x'], ['1o', '2o'], 'quarantined']);
});

test('a table in quarantine that takes another one\'s name pushes that one aside', async (t) => {
  const { rows, state } = await after(t, [[1, 't quarantine _reason q _cure y', 'other insert id 1 a o'],
    [2, shape('other', 1, A), shape('t', 2, A), 't insert id 2 a o'],
    [3, 't insert id 3 a o']]);
  assert.deepEqual([rows('t'), state('other')], [['1o', '2o', '3o'], 'quarantined']);
});

test('a table that goes to a schema that nobody asked for, under a name that another one has here, leaves that one alone', async (t) => {
  const { rows, states } = await after(t, [[1, 'other insert id 1 a o'], [2, shape('s.other', 1, A)], [3, 'other insert id 2 a o']]);
  assert.deepEqual(rows('other'), ['1o', '2o']);
  assert.deepEqual(states.map(({ name }) => name), ['other']);
});

test('what an application has made on a table is on the next one of its name, whichever of drop and create is told first', async (t) => {
  const lines = ['t drop _oid 1', shape('t', 9, A, 'create'), 't insert id 5 a new'];
  for (const order of [lines, [lines[1], lines[2], lines[0]]]) {
    const { cache, rows, said } = await after(t, [TWO, [2, ...order], [3, 't insert id 6 a later']], {
      before: "CREATE INDEX mine ON t (a); CREATE TABLE seen (id); CREATE TRIGGER watch AFTER INSERT ON t BEGIN INSERT INTO seen VALUES (NEW.id); END",
    });
    assert.deepEqual(rows('t'), ['5new', '6later'], said);
    assert.deepEqual(query(cache, "SELECT name, tbl_name FROM sqlite_schema WHERE name IN ('mine', 'watch') ORDER BY name"), [{ name: 'mine', tbl_name: 't' }, { name: 'watch', tbl_name: 't' }]);
    assert.equal(query(cache, 'SELECT 1 FROM seen WHERE id = 6').length, 1);
  }
});

test('a name that a table got in what a fault undoes is asked for again once it is done anew', async (t) => {
  const { cache, states } = await play(t, [keyedTable('t', ['a']), keyedTable('other')], [
    [1, 't insert id 1 a x'],
    [2, shape('renamed', 1, A), 'renamed insert id 2 a y', 'other delete id 77'],
    [3, 'renamed drop _oid 1'],
    [4, shape('renamed', 9, A, 'create'), 'renamed insert id 3 a z'],
  ]);
  assert.ok(query(cache, 'SELECT pattern FROM _daystream_patterns').some(({ pattern }) => pattern === 'renamed'));
  assert.deepEqual(rowsOf(cache, 'renamed'), [{ id: 3, a: 'z' }]);
  assert.deepEqual(states.map(({ name, state }) => [name, state]), [['other', 'quarantined'], ['renamed', 'following']]);
});

test('with --keep-dropped nothing is left of a copy that was coming in', async (t) => {
  const { cache, rows, state } = await after(t, [TWO,
    part(0, [`_table t _action schema _oid 1 _identity default _key 1 id 1~notnull~integer ${A}`], { snapshot: '2:2:' }),
    part(1, ['_table t _action insert id 8 a new']),
    [3, 't insert id 9 a y', 't drop _oid 1']], { keepDropped: true });
  assert.deepEqual([rows('t'), state('t')], [['1x'], 'quarantined']);
  assert.deepEqual(query(cache, "SELECT name FROM sqlite_schema WHERE name LIKE '%daystream\\_copy%' ESCAPE '\\' UNION ALL SELECT line FROM _daystream_kept"), []);
});

test('a name that a table could not have for a while is forgotten when it gets another', async (t) => {
  const { rows, state } = await after(t, [TWO, [2, shape('OTHER', 1, A), shape('free', 1, A), 'free insert id 2 a x']]);
  assert.deepEqual([rows('free'), state('free'), rows('other')], [['1x', '2x'], 'following', ['1o']]);
});
