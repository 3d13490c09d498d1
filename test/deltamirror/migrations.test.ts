/** Schema changes in the log, applied to a cache. */
import assert from 'node:assert/strict';
import Database from 'better-sqlite3';
import { test, type TestContext } from 'node:test';
import { keyedTable, query, runMirror } from '../support/cache.js';
import { play, rowsOf as rows, shape, spaced, writeLog, type PlayOptions } from '../support/mirror.js';
import type { CacheTable } from '../../src/sqlite/tables.js';

/** The cache after these transactions, each a list of lines. */
function apply(t: TestContext, tables: readonly CacheTable[], transactions: readonly (readonly string[])[], options: PlayOptions = {}) {
  return play(t, tables, transactions.map((lines, i) => [i + 1, ...lines]), options);
}

test('a column that is added has in old rows what the log says, in the transaction of the rows that follow', async (t) => {
  const { cache, states } = await apply(t, [keyedTable('t', ['a'])], [
    [shape('t', 1, 'a 2~null~text'), 't insert id 1 a x'],
    [shape('t', 1, 'a 2~null~text b 3~null~integer _missing 7 c 4~null~text'), 't insert id 2 a y b 8 c z', 't update id 1 a w b 9 c \\N'],
  ]);
  assert.deepEqual(rows(cache, 't'), [{ id: 1, a: 'w', b: 9, c: null }, { id: 2, a: 'y', b: 8, c: 'z' }]);
  assert.equal(states[0].state, 'following');
});

test('columns that swap their names keep their values', async (t) => {
  const { cache } = await apply(t, [keyedTable('t', ['a', 'b'])], [
    [shape('t', 1, 'a 2~null~text b 3~null~text'), 't insert id 1 a x b y'],
    [shape('t', 1, 'b 2~null~text a 3~null~text'), 't insert id 2 b p a q'],
  ]);
  assert.deepEqual(rows(cache, 't'), [{ id: 1, b: 'x', a: 'y' }, { id: 2, b: 'p', a: 'q' }]);
});

test('tables that swap their names keep their rows, whichever is told first', async (t) => {
  for (const order of [[1, 2], [2, 1]]) {
    const { cache, said } = await apply(t, [keyedTable('t', ['a']), keyedTable('other', ['a'])], [
      [shape('t', 1, 'a 2~null~text'), 't insert id 1 a t', shape('other', 2, 'a 2~null~text'), 'other insert id 2 a other'],
      order.map((oid) => shape(oid === 1 ? 'other' : 't', oid, 'a 2~null~text')),
      ['t insert id 3 a other', 'other insert id 4 a t'],
    ]);
    assert.deepEqual(rows(cache, 'other'), [{ id: 1, a: 't' }, { id: 4, a: 't' }], said);
    assert.deepEqual(rows(cache, 't'), [{ id: 2, a: 'other' }, { id: 3, a: 'other' }]);
  }
});

test('a table whose name another one has taken can be stale before its own new name is told', async (t) => {
  const { states } = await apply(t, [keyedTable('t', ['a']), keyedTable('other')], [
    [shape('t', 1, 'a 2~null~text'), 't insert id 1 a x', shape('other', 2, '')],
    [shape('t', 2, ''), 't stale _oid 1 _reason rewritten', 't comments _oid 1 _comment x', shape('other', 1, 'a 2~null~text')],
  ]);
  assert.deepEqual(states.map(({ name, table, state }) => [name, table, state]), [['other', 'other', 'waiting'], ['t', 't', 'following']]);
});

test('a table that is dropped and made anew under its name in one transaction is another table', async (t) => {
  const { cache, states } = await apply(t, [keyedTable('t', ['a'])], [
    [shape('t', 1, 'a 2~null~text'), 't insert id 1 a x'],
    [shape('t', 9, 'b 2~null~bigint', 'create'), 't insert id 5 b 6', 't drop _oid 1'],
    ['t insert id 7 b 8'],
  ]);
  assert.deepEqual(rows(cache, 't'), [{ id: 5, b: 6 }, { id: 7, b: 8 }]);
  assert.deepEqual(states.map(({ name, state }) => [name, state]), [['t', 'following']]);
});

test('a table that is dropped goes; with --keep-dropped it stays as it was, and gives way to one of its name', async (t) => {
  const history = [[shape('t', 1, 'a 2~null~text'), 't insert id 1 a x'], ['t drop _oid 1']];
  const { cache, states } = await apply(t, [keyedTable('t', ['a'])], history);
  assert.deepEqual(states, []);
  assert.throws(() => rows(cache, 't'), /no such table/);
  const kept = await apply(t, [keyedTable('t', ['a'])], history, { keepDropped: true });
  assert.deepEqual(rows(kept.cache, 't'), [{ id: 1, a: 'x' }]);
  assert.equal(kept.states[0].state, 'quarantined');
  await runMirror(kept.cache, kept.log, { strict: true });
  const cleared = new Database(kept.cache);
  cleared.exec('DROP TABLE t');
  cleared.close();
  await runMirror(kept.cache, kept.log, { keepDropped: true });
  assert.deepEqual(query(kept.cache, 'SELECT * FROM _daystream_tables'), [], 'what was removed is forgotten');
  const again = await apply(t, [keyedTable('t', ['a'])], [...history, [shape('t', 4, '', 'create'), 't insert id 2']], { keepDropped: true });
  assert.deepEqual(rows(again.cache, 't'), [{ id: 2 }]);
  assert.deepEqual(rows(again.cache, 't (dropped 1)'), [{ id: 1, a: 'x' }]);
  assert.deepEqual(again.states.map(({ name, state }) => [name, state]), [['t', 'following']]);
});

test('a new table appears where a pattern chooses it, and only there', async (t) => {
  const { cache, states } = await apply(t, [keyedTable('t')], [
    ['t drop _oid 1'],
    [shape('t', 3, 'a 2~null~text', 'create'), 't insert id 1 a x', shape('unchosen', 4, '', 'create'), 'unchosen insert id 1'],
  ]);
  assert.deepEqual(rows(cache, 't'), [{ id: 1, a: 'x' }]);
  assert.deepEqual(states.map(({ name }) => name), ['t']);
});

test('a table that was there before under another name waits for a copy instead of being taken for empty', async (t) => {
  const { cache, states } = await apply(t, [keyedTable('t', ['a'])], [
    [shape('t', 1, 'a 2~null~text'), 't insert id 1 a x'],
    ['t drop _oid 1', shape('t', 5, 'a 2~null~text'), 't insert id 9 a y'],
  ]);
  assert.deepEqual(states.map(({ name, state }) => [name, state]), [['t', 'waiting']]);
  assert.throws(() => rows(cache, 't'), /no such table/);
});

test('a key that changes takes its rows along; one that rows break is told', async (t) => {
  const [first, rekeyed] = [shape('t', 1, 'a 2~notnull~text'), shape('t', 1, 'a 2~notnull~text', 'schema', '2')];
  const { cache } = await apply(t, [keyedTable('t', ['a'])], [[first, 't insert id 1 a x', 't insert id 2 a y'], [rekeyed, 't update id 7 a x', 't delete a y']]);
  assert.deepEqual(rows(cache, 't'), [{ id: 7, a: 'x' }]);
  const broken = await apply(t, [keyedTable('t', ['a'])], [[first, 't insert id 1 a x', 't insert id 2 a x'], [rekeyed]]);
  assert.match(broken.said, /public\.t goes into quarantine/);
  assert.equal(rows(broken.cache, 't').length, 2);
});

test('a stale table stands still as it was, and the others go on', async (t) => {
  const { cache, states, said } = await apply(t, [keyedTable('t', ['a']), keyedTable('other')], [
    [shape('t', 1, 'a 2~null~text'), 't insert id 1 a x'],
    ['t stale _oid 1 _reason ALTER~TABLE~rewrote~the~rows', 't update id 1 a y', 'other insert id 1'],
    ['t delete id 5', 'other insert id 2'],
  ]);
  assert.deepEqual(rows(cache, 't'), [{ id: 1, a: 'x' }]);
  assert.equal(rows(cache, 'other').length, 2);
  assert.deepEqual(states.map(({ name, state }) => [name, state]), [['other', 'following'], ['t', 'waiting']]);
  assert.match(said, /public\.t waits for a copy: ALTER TABLE rewrote the rows/);
});

test('a type that changed without its rows being written anew: values stay, or become what is known to be printed now', async (t) => {
  const typed = (type: string) => `t schema _oid 1 _identity default _key 1 id 1~notnull~integer a 2~null~${type}`;
  const first = keyedTable('t', ['a']);
  const of = (type: string): CacheTable => ({ ...first, columns: first.columns.map((column) => (column.name === 'a' ? { ...column, type } : column)) });
  for (const [from, to, before, after] of [
    ['character varying(5)', 'text', 'x', 'x'],
    ['numeric(5,2)', 'numeric(9,2)', '1.50', '1.50'],
    ['s.mood', 's.temper', 'sad', 'sad'],
    ['cidr', 'inet', '10.0.0.1/32', '10.0.0.1'],
    ['cidr', 'inet', '10.0.0.0/8', '10.0.0.0/8'],
    ['timestamp without time zone', 'timestamp with time zone', '2026-01-02 03:04:05', '2026-01-02 03:04:05+00:00'],
    ['timestamp without time zone', 'timestamp(6) with time zone', '0044-03-15 00:00:00 BC', '0044-03-15 00:00:00+00 BC'],
    ['timestamp with time zone', 'timestamp without time zone', '2026-01-02 03:04:05+00', '2026-01-02 03:04:05'],
    ['integer', 'oid', '-1', 4294967295],
    ['oid', 'integer', '4294967295', -1],
  ] as const) {
    const { cache, states } = await apply(t, [of(from)], [[typed(from.replaceAll(' ', '~')), `t insert id 1 a ${before.replaceAll(' ', '~')}`], [typed(to.replaceAll(' ', '~'))]]);
    assert.equal(states[0].state, 'following', `${from} to ${to}`);
    assert.deepEqual(rows(cache, 't')[0].a, after, `${from} to ${to}`);
  }
});

test('indexes are those that the log states; the application\'s own stay', async (t) => {
  const { cache } = await apply(t, [keyedTable('t', ['a', 'b'])], [
    [shape('t', 1, 'a 2~null~text b 3~null~text'), 't indexes _oid 1 by_a 2 by_b 3~desc,2'],
    ['t indexes _oid 1 by_b 3~desc,2 by_c 3'],
  ], { before: 'CREATE INDEX mine ON t (b)' });
  assert.deepEqual(query(cache, "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 't' ORDER BY name").map(({ name }) => name), ['by_b', 'by_c', 'mine']);
});

test('comments are kept by attribute number', async (t) => {
  const { cache } = await apply(t, [keyedTable('t', ['a'])], [[shape('t', 1, 'a 2~null~text'), 't comments _oid 1 _comment all~of~it a a~column']]);
  assert.deepEqual(JSON.parse(String(query(cache, 'SELECT comments FROM _daystream_tables')[0].comments)), { 0: 'all of it', 2: 'a column' });
});

test('what was chosen by name follows the names: columns, filter, names in the cache', async (t) => {
  const [id, a, b] = keyedTable('t', ['a', 'b']).columns;
  const chosen: CacheTable = { ...keyedTable('t'), table: 'mine', columns: [id, a, { ...b, as: null }], choice: { columns: ['a'], where: "a <> 'no'" } };
  const { cache, states } = await apply(t, [chosen], [
    [shape('t', 1, 'a 2~null~text b 3~null~text'), 't insert id 1 a yes b z', 't insert id 2 a no b z'],
    [shape('t2', 1, 'a2 2~null~text b2 3~null~text c 4~null~text'), 't2 insert id 3 a2 yes b2 z c z', 't2 insert id 4 a2 no b2 z c z'],
  ]);
  assert.deepEqual(rows(cache, 'mine'), [{ id: 1, a2: 'yes' }, { id: 3, a2: 'yes' }]);
  assert.deepEqual(JSON.parse(String(query(cache, 'SELECT choice FROM _daystream_tables')[0].choice)), { columns: ['a2'], where: "a2 <> 'no'" });
  assert.deepEqual(states.map(({ name, table, state }) => [name, table, state]), [['t2', 'mine', 'following']]);
});

test('a change that another table\'s fault undoes is made again', async (t) => {
  const { cache, said } = await apply(t, [keyedTable('t', ['a']), keyedTable('other')], [
    [shape('t', 1, 'a 2~null~text'), 't insert id 1 a x'],
    [shape('renamed', 1, 'a 2~null~text b 3~null~text'), 'renamed insert id 2 a y b z', 'other delete id 9'],
  ]);
  assert.match(said, /public\.other goes into quarantine/);
  assert.deepEqual(rows(cache, 'renamed'), [{ id: 1, a: 'x', b: null }, { id: 2, a: 'y', b: 'z' }]);
});

test('P5: a name that SQLite cannot hold puts the table in quarantine, where it stays through further renames', async (t) => {
  for (const name of ['sqlite_t', 'OTHER']) {
    const { log, cache, states } = await apply(t, [keyedTable('t', ['a']), keyedTable('other')], [
      [shape('t', 1, 'a 2~null~text'), 't insert id 1 a x'],
      [shape(name, 1, 'a 2~null~text'), 'other insert id 1'],
    ]);
    assert.deepEqual(states.map((row) => [row.name, row.state]), [[name, 'quarantined'], ['other', 'following']].sort());
    await writeLog(log, spaced(3, [shape('t', 1, 'a 2~null~text'), 'other insert id 2']));
    await runMirror(cache, log);
    assert.deepEqual(rows(cache, 't'), [{ id: 1, a: 'x' }]);
    assert.equal(rows(cache, 'other').length, 2);
  }
});

test('names that are free only at the end of the transaction are taken then', async (t) => {
  const first = [shape('t', 1, 'a 2~null~text'), 't indexes _oid 1 i 2', shape('other', 2, 'a 2~null~text'), 't insert id 1 a x', 'other insert id 2 a y'];
  const tables = [keyedTable('t', ['a']), keyedTable('other', ['a'])];
  const named = (cache: string) => query(cache, "SELECT name FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite%' ORDER BY name").map(({ name }) => name);
  const upper = await apply(t, tables, [first, [shape('OTHER', 1, 'a 2~null~text'), shape('other2', 2, 'a 2~null~text'), 'OTHER insert id 3 a z']]);
  assert.deepEqual(rows(upper.cache, 'OTHER').map(({ id }) => id), [1, 3], upper.said);
  assert.deepEqual(rows(upper.cache, 'other2'), [{ id: 2, a: 'y' }]);
  const patterns = "INSERT INTO _daystream_patterns (pattern) VALUES ('i')";
  const table = await apply(t, tables, [first, [shape('i', 9, '', 'create'), 'i insert id 5', 't drop _oid 1']], { before: patterns });
  assert.deepEqual(rows(table.cache, 'i'), [{ id: 5 }], table.said);
  const moved = await apply(t, tables, [first, ['other indexes _oid 2 i 2', 't indexes _oid 1 j 2']]);
  assert.deepEqual(named(moved.cache), ['i', 'j']);
  assert.equal(query(moved.cache, "SELECT tbl_name FROM sqlite_schema WHERE name = 'i'")[0].tbl_name, 'other');
  const dropped = await apply(t, tables, [first, ['other indexes _oid 2 i 2', 't drop _oid 1']]);
  assert.deepEqual(named(dropped.cache), ['i']);
});

test('a table that leaves what a star chooses and comes back within a transaction has the rows of the time between', async (t) => {
  const { cache, states } = await apply(t, [{ ...keyedTable('t', ['a']), pattern: 'public.*' }], [
    [shape('t', 1, 'a 2~null~text'), 't insert id 1 a x'],
    [shape('away', 1, 'a 2~null~text'), 'away insert id 2 a y', shape('t', 1, 'a 2~null~text'), 't insert id 3 a z'],
  ]);
  assert.deepEqual(rows(cache, 't').map(({ id }) => id), [1, 2, 3]);
  assert.equal(states[0].state, 'following');
  const gone = await apply(t, [{ ...keyedTable('t', ['a']), pattern: 'public.*' }], [
    [shape('t', 1, 'a 2~null~text'), 't insert id 1 a x'], [shape('away', 1, 'a 2~null~text')], ['away insert id 2 a y'],
  ]);
  assert.deepEqual(gone.states, []);
  assert.match(gone.said, /was renamed to public\.away, which no pattern of this cache chooses/);
});

test('what was chosen of a table holds for the next one of its name', async (t) => {
  const [id, a, b] = keyedTable('t', ['a', 'b']).columns;
  const chosen: CacheTable = { ...keyedTable('t'), table: 'mine', columns: [id, { ...a, as: 'first' }, { ...b, as: null }], choice: { columns: ['a'], where: "a <> 'no'" } };
  for (const later of [[['t drop _oid 1'], [shape('t', 5, 'b 2~null~text a 3~null~text', 'create'), 't insert id 1 b z a yes', 't insert id 2 b z a no']],
    [[shape('t', 5, 'b 2~null~text a 3~null~text', 'create'), 't insert id 1 b z a yes', 't insert id 2 b z a no', 't drop _oid 1']]]) {
    const { cache, said } = await apply(t, [chosen], [[shape('t', 1, 'a 2~null~text b 3~null~text')], ...later]);
    assert.deepEqual(rows(cache, 'mine'), [{ id: 1, first: 'yes' }], said);
  }
  const unmet = await apply(t, [chosen], [[shape('t', 1, 'a 2~null~text b 3~null~text')], [shape('t', 5, 'b 2~null~text', 'create'), 't insert id 1 b z', 't drop _oid 1']]);
  assert.deepEqual(unmet.states.map(({ name, state }) => [name, state]), [['t', 'quarantined']]);
});

test('--keep-dropped keeps the rows whichever of drop and create is told first', async (t) => {
  const lines = ['t drop _oid 1', shape('t', 4, '', 'create'), 't insert id 2'];
  for (const order of [lines, [lines[1], lines[2], lines[0]]]) {
    const { cache } = await apply(t, [keyedTable('t', ['a'])], [[shape('t', 1, 'a 2~null~text'), 't insert id 1 a x'], order], { keepDropped: true });
    assert.deepEqual(rows(cache, 't'), [{ id: 2 }]);
    assert.deepEqual(rows(cache, 't (dropped 1)'), [{ id: 1, a: 'x' }]);
  }
});

test('a table that could not have its name yet leaves none to the next one that has it in Postgres', async (t) => {
  const { cache, states } = await apply(t, [{ ...keyedTable('other', ['a']), pattern: 'public.*' }], [
    [shape('t', 8, 'a 2~null~text')],
    ['t drop _oid 8', shape('t', 9, 'a 2~null~text', 'create'), 't insert id 1 a x'],
  ], { before: 'INSERT OR IGNORE INTO _daystream_patterns (pattern) VALUES (\'public.*\')' });
  assert.deepEqual(states.map((state) => [state.name, state.table, state.state]), [['other', 'other', 'following'], ['t', 't', 'following']]);
  assert.deepEqual(rows(cache, 't'), [{ id: 1, a: 'x' }]);
});
