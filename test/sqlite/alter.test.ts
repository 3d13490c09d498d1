import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { AlterFailed, alterTable, createTable, type AlterValues, type Lost } from '../../src/sqlite/alter.js';
import { insertSql } from '../../src/sqlite/insert.js';
import { quote } from '../../src/sqlite/names.js';
import type { Cache } from '../../src/sqlite/open.js';
import { createTableSql } from '../../src/sqlite/schema.js';
import { heldColumns, type CacheTable } from '../../src/sqlite/tables.js';
import { affinityOf, valueOf, type Bindable } from '../../src/sqlite/values.js';
import { emptyCache, indexOf, pageOf, seen, sqlOf, tableOf, valuesOf, type ColumnText } from '../support/alter.js';

const AS_IT_IS: AlterValues = { missing: new Map(), convert: new Map() };
type Row = readonly (Bindable | null)[];

function filled(cache: Cache, table: CacheTable, rows: readonly Row[]): void {
  createTable(cache, table);
  const insert = cache.prepare(insertSql(table));
  for (const row of rows) insert.run(row);
}

/** Changes the table in a transaction, and compares it with one that is made in the new shape from `rows`. */
function altered(t: TestContext, cache: Cache, before: CacheTable, after: CacheTable, rows: readonly Row[], values = AS_IT_IS): Lost[] {
  const fresh = emptyCache(t);
  filled(fresh, after, rows);
  const lost = cache.transaction(() => alterTable(cache, before, after, values)).immediate();
  assert.deepEqual(seen(cache, after.table), seen(fresh, after.table));
  assert.equal(cache.pragma('integrity_check', { simple: true }), 'ok');
  assert.equal(cache.pragma('legacy_alter_table', { simple: true }), 0);
  return lost;
}

interface Case { name: string; before: CacheTable; rows: readonly Row[]; after: CacheTable; becomes: readonly Row[]; copied: boolean; values?: Partial<AlterValues> }
const ID_AB: readonly ColumnText[] = ['1 id integer', '2 a text', '3 b text'];
const before = tableOf('t', ID_AB, [1], { indexes: [indexOf('ia 2'), indexOf('ib 3 desc,2')] });
const ROWS: readonly Row[] = [[1, 'x', 'y'], [2, null, 'z']];

const CASES: readonly Case[] = [
  { name: 'a column is added', before, rows: ROWS, after: { ...before, columns: tableOf('t', [...ID_AB, '5 c bigint']).columns }, becomes: [[1, 'x', 'y', '9007199254740993'], [2, null, 'z', '9007199254740993']], copied: false, values: { missing: new Map([[5, '9007199254740993']]) } },
  { name: 'a column is renamed', before, rows: ROWS, after: { ...before, columns: tableOf('t', ['1 id integer', '2 c text', '3 b text']).columns }, becomes: ROWS, copied: false },
  { name: 'two columns change their names', before, rows: ROWS, after: { ...before, columns: tableOf('t', ['1 id integer', '2 b text', '3 a text']).columns }, becomes: ROWS, copied: false },
  { name: 'three columns change their names in a circle, the key among them', before, rows: ROWS, after: { ...before, columns: tableOf('t', ['1 a integer', '2 b text', '3 id text']).columns }, becomes: ROWS, copied: false },
  { name: 'a name moves on from column to column', before, rows: ROWS, after: { ...before, columns: tableOf('t', ['1 id integer', '2 b text', '3 c text']).columns }, becomes: ROWS, copied: false },
  { name: 'names change in case only', before, rows: ROWS, after: { ...before, name: 'T', table: 'T', columns: tableOf('t', ['1 ID integer', '2 A text', '3 B text']).columns }, becomes: ROWS, copied: false },
  { name: 'two columns whose names differ in case change them', before, rows: ROWS, after: { ...before, columns: tableOf('t', ['1 id integer', '2 B text', '3 A text']).columns }, becomes: ROWS, copied: false },
  { name: 'a table is renamed', before, rows: ROWS, after: { ...before, name: 'u', table: 'u' }, becomes: ROWS, copied: false },
  { name: 'a table moves to another schema, all at once with a rename and a new column', before, rows: ROWS, after: { ...before, schema: 's', table: 's.t', columns: tableOf('t', ['1 id integer', '2 c text', '3 b text', '4 a text']).columns }, becomes: [[1, 'x', 'y', 'it\'s'], [2, null, 'z', 'it\'s']], copied: false, values: { missing: new Map([[4, 'it\'s']]) } },
  { name: 'a type changes within its affinity', before, rows: ROWS, after: { ...before, columns: tableOf('t', ['1 id bigint', '2 a character_varying', '3 b text']).columns }, becomes: ROWS, copied: false },
  { name: 'indexes come and go', before, rows: ROWS, after: { ...before, indexes: [indexOf('ib 3'), indexOf('i new 2 desc,1')] }, becomes: ROWS, copied: false },
  { name: 'a column is dropped', before, rows: ROWS, after: { ...before, columns: tableOf('t', ['1 id integer', '3 b text']).columns, indexes: [] }, becomes: [[1, 'y'], [2, 'z']], copied: true },
  { name: 'a column is dropped and another takes its name', before, rows: ROWS, after: { ...before, columns: tableOf('t', ['1 id integer', '3 a text']).columns, indexes: [indexOf('ib 3')] }, becomes: [[1, 'y'], [2, 'z']], copied: true },
  { name: 'a column is dropped, another takes its name, and a third that one\'s', before, rows: ROWS, after: { ...before, columns: tableOf('t', ['1 b integer', '3 a text', '4 id text']).columns, indexes: [indexOf('ib 3')] }, becomes: [[1, 'y', 'n'], [2, 'z', 'n']], copied: true, values: { missing: new Map([[4, 'n']]) } },
  { name: 'a column is dropped and one of its name is added', before, rows: ROWS, after: { ...before, columns: tableOf('t', ['1 id integer', '3 b text', '4 a double_precision']).columns, indexes: [] }, becomes: [[1, 'y', 0.1], [2, 'z', 0.1]], copied: true, values: { missing: new Map([[4, 0.1]]) } },
  { name: 'an affinity changes', before: tableOf('t', ['1 id integer', '2 n numeric'], [1]), rows: [[1, '1.50'], [2, '9007199254740993']], after: tableOf('t', ['1 id integer', '2 n bigint'], [1]), becomes: [[1, 2], [2, '9007199254740993']], copied: true, values: { convert: new Map([[2, (value) => (value === '1.50' ? 2 : String(value))]]) } },
  { name: 'values change and the affinity does not', before, rows: ROWS, after: before, becomes: [[1, 'x!', 'y'], [2, 'null!', 'z']], copied: true, values: { convert: new Map([[2, (value) => `${value}!`]]) } },
  { name: 'a column that was left out is held from now on', before: { ...before, columns: before.columns.map((column) => (column.attnum === 2 ? { ...column, as: null } : column)), indexes: [] }, rows: [[1, 'y']], after: before, becomes: [[1, null, 'y']], copied: true },
  { name: 'an integer key becomes one of two columns', before, rows: [[1, 'x', 'y'], [2, 'w', 'z']], after: { ...before, key: [2, 1] }, becomes: [[1, 'x', 'y'], [2, 'w', 'z']], copied: true },
  { name: 'a key changes its order', before: { ...before, key: [1, 2] }, rows: [[1, 'x', 'y']], after: { ...before, key: [2, 1] }, becomes: [[1, 'x', 'y']], copied: true },
  { name: 'a key of text becomes the row id', before: tableOf('t', ['1 id text'], [1]), rows: [['9223372036854775807'], ['-5']], after: tableOf('t', ['1 id bigint'], [1]), becomes: [['9223372036854775807'], ['-5']], copied: true },
  { name: 'a key goes', before, rows: ROWS, after: { ...before, key: [] }, becomes: ROWS, copied: true },
  { name: 'a key comes', before: { ...before, key: [] }, rows: ROWS, after: before, becomes: ROWS, copied: true },
  { name: 'the key is another column, which was added', before, rows: [[1, 'x', 'y']], after: { ...before, key: [4], columns: tableOf('t', [...ID_AB, '4 k integer']).columns }, becomes: [[1, 'x', 'y', 7]], copied: true, values: { missing: new Map([[4, 7]]) } },
  { name: 'a table without rows', before, rows: [], after: { ...before, key: [], columns: tableOf('t', ['3 b text', '4 c bytea']).columns, indexes: [] }, becomes: [], copied: true },
  { name: 'names of all kinds', before: tableOf('a "b".c\'; --', ['1 rowid integer', '2 se lect text', '3 "" text', '4 漢字 text'], [], { indexes: [indexOf('i "x" 2,4')] }), rows: [[5, 'a', 'b', 'c']], after: tableOf('漢 字', ['1 _rowid_ integer', '2 ""\'\' text', '3 se lect text', '4 rowid text', '5 . text'], [], { indexes: [indexOf('i "x" 2,4')] }), becomes: [[5, 'a', 'b', 'c', '']], copied: false, values: { missing: new Map([[5, '']]) } },
];

for (const { name, before, rows, after, becomes, copied, values } of CASES) {
  test(`${name}: the table is as if it were made so`, (t) => {
    const cache = emptyCache(t, [before]);
    filled(cache, before, rows);
    const page = pageOf(cache, before.table);
    assert.deepEqual(altered(t, cache, before, after, becomes, { ...AS_IT_IS, ...values }), []);
    assert.equal(pageOf(cache, after.table) !== page, copied, 'copied');
    if (copied) assert.equal(sqlOf(cache, after.table), createTableSql(after));
  });
}

test('an added column holds exactly what an insert of its value would', (t) => {
  const values: Readonly<Record<string, readonly string[]>> = {
    'bigint': ['0', '-1', '9007199254740993', '9223372036854775807', '-9223372036854775808', '999999999999999'],
    'boolean': ['t', 'f'],
    'double precision': ['0', '-0', '5', '1.1', '0.1', '1e+20', '-1.7976931348623157e+308', '5e-324', '2.2250738585072014e-308', '9007199254740993', '1e+22', '123456789012345680', 'NaN', 'Infinity', '-Infinity', '0.30000000000000004', '1.2345678901234567e-200', '8.41e+21', '9.5367431640625e-07'],
    'text': ['', "it's", '"', 'NaN', '12', '01234', '1e5', ' 5 ', '\\', '\n\t', '漢字 😀', "'; DROP TABLE t; --", 'x'.repeat(100_000)],
    'bytea': ['\\x', '\\x00ff27', '\\x3132'],
    'numeric': ['1.10', 'NaN', '9007199254740993.000'],
    'integer[]': ['{1,NULL}'],
  };
  const random = Array.from({ length: 300 }, (_, i) => String(Math.sin(i + 1) * 10 ** (((i * 37) % 600) - 300)));
  for (const [type, texts] of Object.entries({ ...values, 'real': random })) {
    const start = tableOf('t', ['1 id integer'], [1]);
    for (const numeric of ['text', 'real'] as const) {
      const after: CacheTable = { ...start, choice: { numeric }, columns: [...start.columns, ...texts.map((_, i) => ({ attnum: i + 2, name: `c${i}`, type, notNull: false }))] };
      const bound = texts.map(valueOf(type, numeric));
      const cache = emptyCache(t);
      filled(cache, start, [[1], [2]]);
      altered(t, cache, start, after, [[1, ...bound], [2, ...bound]], { missing: new Map(bound.map((value, i) => [i + 2, value])), convert: new Map() });
      const read = heldColumns(after).map(({ as }) => quote(as)).join(', ');
      filled(cache, { ...after, table: 'fresh' }, [[1, ...bound]]);
      assert.deepEqual(valuesOf(cache, `SELECT ${read} FROM t WHERE id = 1`), valuesOf(cache, `SELECT ${read} FROM fresh`), `${type} ${affinityOf(type, numeric)}`);
    }
  }
});

test('rows that do not fit the new key are refused, with the key', (t) => {
  for (const [rows, key, reason] of [
    [[['x', 'y'], ['x', 'z']], [1], /several rows of the same key \(a\)/],
    [[['x', null]], [1, 2], /NULL in the key \(a, b\)/],
    [[['x', null]], [2], /NULL in the key \(b\)/],
    [[['x', 'y']], [3], /key \(c\) is no integer/],
  ] as const) {
    const cache = emptyCache(t);
    const start = tableOf('t', ['1 a text', '2 b text']);
    filled(cache, start, rows);
    const shape = seen(cache, 't');
    const after = { ...start, key, columns: tableOf('t', ['1 a text', '2 b text', '3 c integer']).columns };
    assert.throws(() => cache.transaction(() => alterTable(cache, start, after, AS_IT_IS))(), (error) => error instanceof AlterFailed && reason.test(error.reason));
    assert.deepEqual(seen(cache, 't'), shape);
  }
});

test('a value that is no integer is refused as a row id', (t) => {
  const cache = emptyCache(t);
  filled(cache, tableOf('t', ['1 a text']), [['x']]);
  assert.throws(() => alterTable(cache, tableOf('t', ['1 a text']), tableOf('t', ['1 a integer'], [1]), AS_IT_IS), (error) => error instanceof AlterFailed && /no integer/.test(error.reason));
});

test('a statement that was prepared before a change reads and writes the new table', (t) => {
  const cache = emptyCache(t);
  filled(cache, before, ROWS);
  const all = cache.prepare('SELECT * FROM t ORDER BY 1').raw();
  const add = cache.prepare('INSERT INTO t (id, b) VALUES (?, ?)');
  assert.equal(all.all().length, 2);
  alterTable(cache, before, { ...before, columns: tableOf('t', [...ID_AB, '4 c text']).columns }, { missing: new Map([[4, 'd']]), convert: new Map() });
  add.run(3, 'q');
  assert.deepEqual(all.all(), [[1, 'x', 'y', 'd'], [2, null, 'z', 'd'], [3, null, 'q', 'd']]);
  assert.equal(all.columns().length, 4);
});

test('2,000 columns are renamed, dropped and moved', (t) => {
  const cache = emptyCache(t);
  const wide = tableOf('t', Array.from({ length: 2000 }, (_, i): ColumnText => `${i + 1} c${i} text`), [1]);
  filled(cache, wide, [wide.columns.map(({ name }) => name)]);
  const columns = wide.columns.slice(0, -1).map((column) => ({ ...column, name: column.attnum > 1990 ? `d${column.attnum}` : column.name }));
  altered(t, cache, wide, { ...wide, columns }, [wide.columns.slice(0, -1).map(({ name }) => name)]);
});

test('100,000 rows are renamed, converted, given another key and back', (t) => {
  const cache = emptyCache(t);
  const start = tableOf('t', ['1 id integer', '2 a text', '3 b integer'], [1], { indexes: [indexOf('ib 3')] });
  filled(cache, start, []);
  cache.exec("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) INSERT INTO t SELECT i, 'a' || i, i % 7 FROM n");
  const sums = (id: string, b: string) => valuesOf(cache, `SELECT count(*), sum(${id}), sum(CAST(substr(a, 2) AS INTEGER) - ${id}), sum(CAST(${b} AS INTEGER)) FROM t`);
  const before = sums('id', 'b');
  const other = { ...start, key: [2], columns: tableOf('t', ['1 b integer', '2 a text', '3 id text', '4 c text']).columns };
  cache.transaction(() => {
    alterTable(cache, start, other, { missing: new Map(), convert: new Map([[3, String]]) });
    assert.deepEqual(sums('b', 'id'), before);
    assert.deepEqual(valuesOf(cache, 'SELECT typeof(id), count(*) FROM t GROUP BY 1'), [['text', 100_000n]]);
    alterTable(cache, other, start, { missing: new Map(), convert: new Map([[3, Number]]) });
  }).immediate();
  assert.deepEqual(sums('id', 'b'), before);
  assert.equal(cache.pragma('integrity_check', { simple: true }), 'ok');
});
