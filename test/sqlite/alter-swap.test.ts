/** A table that was filled beside takes the place of another one, from the log's copies and from imports into the cache. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { AlterFailed, createTable, renameTable, swapTable } from '../../src/sqlite/alter.js';
import { BulkTable, createBulk, finishBulk } from '../../src/sqlite/bulk.js';
import { insertSql } from '../../src/sqlite/insert.js';
import { joinTables } from '../../src/sqlite/join.js';
import { openCache, type Cache } from '../../src/sqlite/open.js';
import { RowIndex } from '../../src/sqlite/row-index.js';
import { readTables, writeTable, type CacheTable } from '../../src/sqlite/tables.js';
import { columnsOf, emptyCache, indexOf, namesOf, seen, sqlOf, tableOf, valuesOf } from '../support/alter.js';
import { temporaryFolder } from '../support/folder.js';

const before = tableOf('t', ['1 id integer', '2 a text', '3 b text'], [1], { indexes: [indexOf('own 2'), indexOf('old 3')] });
const after: CacheTable = { ...before, columns: columnsOf(['1 id integer', '2 c text', '4 d text']), indexes: [indexOf('own 2'), indexOf('new 4')] };
const MADE = `CREATE UNIQUE INDEX i ON t (a); CREATE INDEX j ON t (b);
  CREATE VIEW v AS SELECT id, a FROM t; CREATE VIEW w AS SELECT b FROM t;
  CREATE TABLE notes (text); CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO notes VALUES (new.a); END; CREATE TRIGGER h AFTER DELETE ON t BEGIN INSERT INTO notes VALUES (old.b); END`;
const LOST = [['index', 'j'], ['view', 'w'], ['trigger', 'h']];

function fill(cache: Cache, table: CacheTable, rows: readonly (readonly unknown[])[]): void {
  const insert = cache.prepare(insertSql(table));
  for (const row of rows) insert.run(row);
}

function cacheWith(t: TestContext, table = before): Cache {
  const cache = emptyCache(t, [table]);
  createTable(cache, table);
  fill(cache, table, [[1, 'x', 'y']]);
  cache.exec(MADE);
  return cache;
}

/** The table is `after` with these rows, and what fits it of what the application made is there. */
function isSwapped(t: TestContext, cache: Cache, rows: readonly (readonly unknown[])[]): void {
  const fresh = emptyCache(t);
  createTable(fresh, after);
  fill(fresh, after, rows);
  fresh.exec('CREATE UNIQUE INDEX i ON t (c)');
  assert.deepEqual(seen(cache, 't'), seen(fresh, 't'));
  assert.deepEqual(valuesOf(cache, 'SELECT * FROM v'), rows.map(([id, c]) => [BigInt(id as number), c]));
  cache.exec("INSERT INTO t VALUES (9, 'note', 'd'); DELETE FROM t WHERE id = 9");
  assert.deepEqual(valuesOf(cache, 'SELECT text FROM notes'), [['note']]);
  assert.deepEqual(namesOf(cache).filter((name) => ['h', 'j'].includes(name) || /^_daystream_(?:copy|new|meanwhile|aside)/.test(name)), []);
  assert.equal(cache.pragma('integrity_check', { simple: true }), 'ok');
}

const kinds = (lost: readonly { kind: string; name: string }[]) => lost.map(({ kind, name }) => [kind, name]);
const shadow = { ...after, table: '_daystream_copy_1' };

test('a copy takes the place of its table: indexes, triggers and views of the application go on where they fit', (t) => {
  const cache = cacheWith(t);
  createTable(cache, { ...shadow, indexes: [] });
  fill(cache, shadow, [[5, 'p', 'q'], [6, 'r', 's']]);
  cache.exec('ANALYZE');
  const lost = cache.transaction(() => swapTable(cache, before, shadow, after)).immediate();
  assert.deepEqual(kinds(lost), LOST);
  isSwapped(t, cache, [[5, 'p', 'q'], [6, 'r', 's']]);
  assert.deepEqual(valuesOf(cache, "SELECT idx, stat FROM sqlite_stat1 WHERE tbl = 't' ORDER BY idx"), [['i', '2 1'], ['new', '2 1'], ['own', '2 1']]);
});

test('a copy under another name follows its table; views that do not read stop nothing', (t) => {
  const cache = cacheWith(t);
  cache.exec('CREATE VIEW broken AS SELECT zz FROM nowhere');
  const there: CacheTable = { ...after, schema: 's', table: 's.t' };
  createTable(cache, { ...shadow, indexes: [] });
  fill(cache, shadow, [[5, 'p', 'q']]);
  assert.deepEqual(kinds(swapTable(cache, before, shadow, there)), LOST);
  assert.deepEqual(valuesOf(cache, 'SELECT * FROM v'), [[5n, 'p']]);
  assert.match(String(sqlOf(cache, 'i')), /ON "s\.t" ?\("?c"?\)/);
});

test('the first copy of a table takes a free name, and no other', (t) => {
  const cache = emptyCache(t);
  createTable(cache, { ...shadow, indexes: [] });
  cache.exec('CREATE TABLE notes (text); CREATE VIEW t AS SELECT 1');
  assert.throws(() => swapTable(cache, undefined, shadow, after), AlterFailed);
  cache.exec('DROP VIEW t; CREATE VIEW v AS SELECT id, c AS a FROM t');
  assert.deepEqual(swapTable(cache, undefined, shadow, after), []);
  assert.deepEqual(valuesOf(cache, 'SELECT * FROM v'), []);
});

test('a UNIQUE index that the copy violates is lost, and told', (t) => {
  const cache = cacheWith(t);
  createTable(cache, { ...shadow, indexes: [] });
  fill(cache, shadow, [[5, 'p', 'q'], [6, 'p', 's']]);
  const [first] = swapTable(cache, before, shadow, after);
  assert.deepEqual(first, { kind: 'index', name: 'i', reason: 'UNIQUE constraint failed: t.c' });
});

test('a table that took the name of one which stands aside inherits what was made on that one', (t) => {
  const cache = cacheWith(t);
  const aside = '_daystream_aside_1';
  const heir: CacheTable = { ...after, oid: 7, columns: columnsOf(['1 id integer', '2 a text', '3 e text']), indexes: [indexOf('own 2')] };
  cache.transaction(() => {
    renameTable(cache, 't', aside);
    createTable(cache, heir);
    fill(cache, heir, [[5, 'p', 'q']]);
    assert.equal(valuesOf(cache, "SELECT tbl_name FROM sqlite_schema WHERE name = 'own'")[0][0], aside);
    assert.deepEqual(kinds(swapTable(cache, { ...before, table: aside }, heir, heir)), LOST);
  }).immediate();
  assert.deepEqual(valuesOf(cache, 'SELECT * FROM v'), [[5n, 'p']]);
  assert.deepEqual(valuesOf(cache, "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 't' ORDER BY name"), [['i'], ['own']]);
  assert.match(String(sqlOf(cache, 'v')), /FROM "?t"?$/);
  assert.ok(!namesOf(cache).includes(aside));
});

test('hashes of a table without a key are made anew after a copy, and kept through a rename, as its statistics are', (t) => {
  const keyless = tableOf('t', ['1 a text', '2 b integer']);
  const cache = emptyCache(t, [keyless]);
  createTable(cache, keyless);
  fill(cache, keyless, [['x', 1], ['y', 2]]);
  assert.equal(new RowIndex(cache, keyless).find(['y', 2]), 2);
  cache.exec('CREATE INDEX i ON t (b); ANALYZE');
  renameTable(cache, 't', 'u');
  assert.deepEqual(valuesOf(cache, "SELECT idx FROM sqlite_stat1 WHERE tbl = 'u'"), [['i']]);
  const renamed = { ...keyless, table: 'u' };
  assert.ok(namesOf(cache).includes('_daystream_rows_1'));
  assert.equal(new RowIndex(cache, renamed).find(['y', 2]), 2);
  const copy = { ...keyless, table: '_daystream_copy_1' };
  createTable(cache, copy);
  fill(cache, copy, [['y', 2], ['z', 3]]);
  swapTable(cache, renamed, copy, keyless);
  assert.equal(new RowIndex(cache, keyless).find(['y', 2]), 1);
  assert.equal(new RowIndex(cache, keyless).find(['x', 1]), undefined);
});

test('an import into the cache keeps what an application made on the table, and tells what it could not', (t) => {
  const path = (() => {
    const cache = cacheWith(t);
    const name = cache.name;
    cache.close();
    return name;
  })();
  const draft = join(temporaryFolder(t), 'draft.db');
  const bulk = createBulk(draft);
  const filling = new BulkTable(draft, bulk, after);
  for (const value of [5, 'p', 'q', 6, 'r', 's']) filling.push(value);
  filling.finish();
  for (const index of after.indexes ?? []) filling.createIndex(index);
  finishBulk(draft, bulk);
  const lost = joinTables(path, draft, [after], []);
  const cache = openCache(path);
  t.after(() => cache.close());
  assert.deepEqual(kinds(lost), LOST);
  assert.deepEqual(readTables(cache).map(({ table, oid }) => [table, oid]), [['t', 1]]);
  isSwapped(t, cache, [[5, 'p', 'q'], [6, 'r', 's']]);
});

test('an import into the cache of two tables that have each other\'s name by now keeps what stands on each', (t) => {
  const [one, two] = [tableOf('one', ['1 id integer', '2 a text'], [1]), tableOf('two', ['1 id integer', '2 b text'], [1], { oid: 2 })];
  const cache = emptyCache(t, [one, two]);
  for (const table of [one, two]) createTable(cache, table);
  cache.exec('CREATE INDEX i ON one (a); CREATE INDEX j ON two (b); CREATE VIEW v AS SELECT a FROM one; CREATE VIEW w AS SELECT b FROM two');
  const swapped = [{ ...one, name: 'two', table: 'two' }, { ...two, name: 'one', table: 'one' }];
  const draft = join(temporaryFolder(t), 'draft.db');
  const bulk = createBulk(draft);
  for (const table of swapped) new BulkTable(draft, bulk, table).finish();
  finishBulk(draft, bulk);
  assert.deepEqual(joinTables(cache.name, draft, swapped, []), []);
  assert.deepEqual(valuesOf(cache, "SELECT name, tbl_name FROM sqlite_schema WHERE name IN ('i', 'j') ORDER BY name"), [['i', 'two'], ['j', 'one']]);
  assert.deepEqual([...valuesOf(cache, 'SELECT * FROM v'), ...valuesOf(cache, 'SELECT * FROM w')], []);
});

test('an import into the cache of a table that waits for its first copy takes its place', (t) => {
  const cache = emptyCache(t);
  writeTable(cache, { ...after, table: '_daystream_unheld_1', waiting: { reason: 'no copy of it has come yet', position: { clock: 1, sequence: 1 } } });
  const draft = join(temporaryFolder(t), 'draft.db');
  const bulk = createBulk(draft);
  new BulkTable(draft, bulk, after).finish();
  finishBulk(draft, bulk);
  assert.deepEqual(joinTables(cache.name, draft, [after], []), []);
  assert.deepEqual(readTables(cache).map(({ table, waiting }) => [table, waiting]), [['t', undefined]]);
});
