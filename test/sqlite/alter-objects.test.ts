/** An application's own indexes, triggers and views: they go along with a change, or are told as lost; none stops it. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { alterTable, createTable, dropTable, renameTable, type AlterValues, type Lost } from '../../src/sqlite/alter.js';
import { insertSql } from '../../src/sqlite/insert.js';
import { quote } from '../../src/sqlite/names.js';
import type { Cache } from '../../src/sqlite/open.js';
import { RowIndex } from '../../src/sqlite/row-index.js';
import { heldColumns, writeTable, type CacheTable } from '../../src/sqlite/tables.js';
import { columnsOf, emptyCache, indexOf, namesOf, pageOf, sqlOf, tableOf, valuesOf, type ColumnText } from '../support/alter.js';

const AS_IT_IS: AlterValues = { missing: new Map(), convert: new Map() };
const ID_AB: readonly ColumnText[] = ['1 id integer', '2 a text', '3 b text'];
const t1 = tableOf('t', ID_AB, [1], { indexes: [indexOf('own 2')] });
const other = tableOf('other', ['1 id integer', '2 x text'], [1], { oid: 2 });

const columns = (...texts: readonly ColumnText[]) => ({ ...t1, columns: columnsOf(texts) });
const renamed = columns('1 id integer', '2 c text', '3 b text');
const dropped = { ...columns('1 id integer', '3 b text'), indexes: [] };
const added = columns(...ID_AB, '4 c text');
const retyped = columns('1 id integer', '2 a text', '3 b integer');
const moved = { ...t1, name: 'u', table: 'u' };

/** Two mirrored tables with two rows in the first, and what an application has made. */
function cacheWith(t: TestContext, sql: string): Cache {
  const cache = emptyCache(t, [t1, other]);
  createTable(cache, t1);
  createTable(cache, other);
  const insert = cache.prepare(insertSql(t1));
  insert.run(1, 'x', '1');
  insert.run(2, 'y', '2');
  cache.exec(`CREATE TABLE notes (id INTEGER PRIMARY KEY, text); ${sql}`);
  return cache;
}

function change(cache: Cache, after: CacheTable, before = t1): Lost[] {
  const lost = cache.transaction(() => {
    const losses = alterTable(cache, before, after, AS_IT_IS);
    writeTable(cache, after);
    return losses;
  }).immediate();
  writes(cache, after);
  writes(cache, other);
  assert.equal(cache.pragma('integrity_check', { simple: true }), 'ok');
  return lost;
}

/** The mirror's own statements work on the table. */
function writes(cache: Cache, table: CacheTable): void {
  const columns = heldColumns(table).map(({ as }) => quote(as));
  cache.transaction(() => {
    cache.prepare(insertSql(table)).run(columns.map((_, i) => String(100 + i)));
    cache.exec(`UPDATE ${quote(table.table)} SET ${columns.map((name) => `${name} = ${name}`).join(', ')}`);
    cache.exec(`DELETE FROM ${quote(table.table)} WHERE ${columns[0]} = 100`);
  })();
}

interface Case {
  readonly name: string;
  /** What the application has made. */
  readonly sql: string;
  readonly after: CacheTable;
  readonly lost?: readonly (readonly [Lost['kind'], string, RegExp])[];
  /** A query afterwards, and the rows that it gives. */
  readonly query?: readonly [string, unknown[][]];
  readonly gone?: readonly string[];
}

const LOG = 'INSERT INTO notes (text) VALUES';
const CASES: readonly Case[] = [
  { name: 'a view follows a renamed column', sql: 'CREATE VIEW v AS SELECT id, a FROM t', after: renamed, query: ['SELECT * FROM v', [[1n, 'x'], [2n, 'y']]] },
  { name: 'a view follows a renamed table', sql: 'CREATE VIEW v AS SELECT id, a FROM t', after: moved, query: ['SELECT * FROM v', [[1n, 'x'], [2n, 'y']]] },
  { name: 'a trigger follows a renamed column', sql: `CREATE TRIGGER g AFTER INSERT ON t BEGIN ${LOG} (new.a); END`, after: renamed, query: ['SELECT text FROM notes', [['101']]] },
  { name: 'a trigger follows a renamed table', sql: `CREATE TRIGGER g AFTER DELETE ON t BEGIN ${LOG} (old.a); END`, after: moved, query: ['SELECT text FROM notes', [['101']]] },
  { name: 'a trigger of another table follows', sql: 'CREATE TRIGGER g AFTER INSERT ON other BEGIN INSERT INTO notes (text) SELECT a FROM t WHERE id = 1; END', after: { ...renamed, name: 'u', table: 'u' }, query: ['SELECT text FROM notes', [['x']]] },
  { name: 'an index follows a renamed column and table', sql: 'CREATE UNIQUE INDEX i ON t (a, upper(b)) WHERE a > 0', after: { ...renamed, name: 'u', table: 'u' } },
  { name: 'all of them stay where rows are copied', sql: `CREATE INDEX i ON t (lower(a)); CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER g AFTER INSERT ON t BEGIN ${LOG} (new.a); END`, after: retyped, query: ['SELECT a FROM v', [['x'], ['y']]] },
  { name: 'names of objects may be of any kind', sql: `CREATE INDEX "i: ""x"" after rename: y" ON t (a); CREATE VIEW "v after rename: x" AS SELECT zz FROM t; CREATE VIEW "v" AS SELECT a FROM t; CREATE TRIGGER "g\n h" AFTER INSERT ON t BEGIN ${LOG} (new.a); END`, after: { ...renamed, name: 'u', table: 'u' } },
  { name: 'a view that does not read is none of our business', sql: 'CREATE VIEW w AS SELECT zz FROM t; CREATE VIEW x AS SELECT * FROM nowhere; CREATE VIEW v AS SELECT a FROM t', after: { ...renamed, name: 'u', table: 'u' }, query: ['SELECT * FROM v', [['x'], ['y']]] },
  { name: 'a view with a function of the application follows', sql: 'CREATE VIEW v AS SELECT distance(a) FROM t', after: renamed },
  { name: 'a view that would be ambiguous stays as it is, and is told', sql: 'CREATE TABLE more (c); CREATE VIEW v AS SELECT a, c FROM t, more', after: renamed, lost: [['view', 'v', /no such column: a/]] },
  { name: 'a trigger of a view that no longer fits is told, and stays', sql: 'CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER g INSTEAD OF INSERT ON v BEGIN INSERT INTO notes (text) VALUES (new.a); END', after: renamed, lost: [['trigger', 'g', /no such column: new\.a/]] },
  { name: 'an index over a dropped column is told', sql: 'CREATE INDEX i ON t (b, a); CREATE INDEX j ON t (b)', after: dropped, lost: [['index', 'i', /no such column: a|no column named a/]], gone: ['i'] },
  { name: 'a view over a dropped column is told, and stays', sql: 'CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w AS SELECT * FROM v; CREATE VIEW x AS SELECT b FROM t', after: dropped, lost: [['view', 'v', /no such column: a/], ['view', 'w', /no such column: a/]], query: ['SELECT * FROM x', [['1'], ['2']]] },
  { name: 'a trigger over a dropped column is taken out and told', sql: `CREATE TRIGGER g AFTER INSERT ON t BEGIN ${LOG} (new.a); END; CREATE TRIGGER h AFTER INSERT ON t BEGIN ${LOG} (new.b); END; CREATE TRIGGER gu AFTER UPDATE OF b ON t WHEN new.a > 1 BEGIN SELECT 1; END`, after: dropped, lost: [['trigger', 'g', /new\.a/], ['trigger', 'gu', /new\.a/]], gone: ['g', 'gu'], query: ['SELECT text FROM notes', [['101']]] },
  { name: 'so is one of another mirrored table; one that sets it off stays', sql: 'CREATE TRIGGER first AFTER INSERT ON t BEGIN UPDATE other SET x = 1; END; CREATE TRIGGER g AFTER UPDATE ON other BEGIN DELETE FROM t WHERE a = 5; END', after: dropped, lost: [['trigger', 'g', /no such column: a/]], gone: ['g'] },
  { name: 'a trigger of an application\'s own table is told, and stays', sql: 'CREATE TRIGGER g AFTER INSERT ON notes BEGIN DELETE FROM t WHERE a = new.text; END', after: dropped, lost: [['trigger', 'g', /no such column: a/]] },
  { name: 'an index of ours whose name is taken is left out', sql: 'CREATE VIEW wanted AS SELECT 1; CREATE INDEX wanted2 ON notes (text)', after: { ...t1, indexes: [indexOf('own 2'), indexOf('Wanted 3'), indexOf('wanted2 3'), indexOf('wanted3 3')] } },
  { name: 'an index of the application with a name of ours stays', sql: 'DROP INDEX own; CREATE INDEX own ON t (b, a)', after: { ...t1, indexes: [] }, query: ['SELECT tbl_name FROM sqlite_schema WHERE name = \'own\'', [['t']]] },
  { name: 'so does one over the same columns in another order of rows', sql: 'DROP INDEX own; CREATE INDEX own ON t (a DESC)', after: { ...t1, indexes: [] }, query: ['SELECT tbl_name FROM sqlite_schema WHERE name = \'own\'', [['t']]] },
  { name: 'a trigger may have the name of an index of ours', sql: `CREATE TRIGGER own AFTER INSERT ON t BEGIN ${LOG} (new.a); END`, after: retyped, query: ['SELECT text FROM notes', [['101']]] },
  { name: 'a view that does not read keeps its triggers', sql: 'CREATE VIEW v AS SELECT a, zz FROM t; CREATE TRIGGER g INSTEAD OF INSERT ON v BEGIN SELECT 1; END', after: renamed, query: ["SELECT name FROM sqlite_schema WHERE tbl_name = 'v'", [['v'], ['g']]] },
  { name: 'a foreign key of the application does not cascade', sql: 'CREATE TABLE child (t INTEGER REFERENCES t ON DELETE CASCADE); INSERT INTO child VALUES (1)', after: retyped, query: ['SELECT * FROM child', [[1n]]] },
  { name: 'a trigger is not set off by rows that are copied', sql: `CREATE TRIGGER g AFTER INSERT ON t WHEN new.id < 100 BEGIN ${LOG} ('copied'); END; CREATE TRIGGER h BEFORE DELETE ON t WHEN old.id < 100 BEGIN SELECT raise(ABORT, 'no'); END`, after: retyped, query: ['SELECT * FROM notes', []] },
  { name: 'a full-text table of the application goes on', sql: `CREATE VIRTUAL TABLE f USING fts5 (a, content=''); CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO f (rowid, a) VALUES (new.id, new.a); END`, after: { ...retyped, name: 'u', table: 'u' } },
  { name: 'an added column stops nothing', sql: `CREATE VIEW broken AS SELECT zz FROM t; CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO notes SELECT NULL, new.a; END`, after: added },
];

for (const { name, sql, after, lost = [], query, gone = [] } of CASES) {
  test(name, (t) => {
    const cache = cacheWith(t, sql);
    const made = namesOf(cache);
    const told = change(cache, after);
    assert.deepEqual(told.map(({ kind, name }) => [kind, name]), lost.map(([kind, name]) => [kind, name]));
    lost.forEach(([, , reason], i) => assert.match(told[i].reason, reason));
    const own = new Set(['t', 'u', ...(t1.indexes ?? []).map((index) => index.name), ...(after.indexes ?? []).map((index) => index.name)]);
    const left = new Set(namesOf(cache));
    assert.deepEqual(made.filter((object) => !own.has(object) && !left.has(object)), gone, 'gone');
    if (query !== undefined) assert.deepEqual(valuesOf(cache, query[0]), query[1]);
  });
}

test('a UNIQUE index is lost where values become the same', (t) => {
  const cache = cacheWith(t, 'CREATE UNIQUE INDEX i ON t (b); CREATE UNIQUE INDEX j ON t (a)');
  const lost = alterTable(cache, t1, t1, { missing: new Map(), convert: new Map([[3, () => 'same']]) });
  assert.deepEqual(lost, [{ kind: 'index', name: 'i', reason: 'UNIQUE constraint failed: t.b' }]);
  assert.ok(sqlOf(cache, 'j'));
});

test('a view that an earlier change broke is told once, and reads again after a later one', (t) => {
  const cache = cacheWith(t, 'CREATE VIEW v AS SELECT a FROM t');
  assert.equal(change(cache, dropped).length, 1);
  const further = { ...dropped, columns: columnsOf(['1 id integer', '3 b text', '5 e text']) };
  assert.deepEqual(change(cache, further, dropped), []);
  const again = { ...further, columns: columnsOf(['1 id integer', '3 b text', '5 a text']) };
  assert.deepEqual(change(cache, again, further), []);
  assert.deepEqual(valuesOf(cache, 'SELECT * FROM v'), [[null], [null]]);
});

test('where a column replaces another one, what says its name means the new one', (t) => {
  const start = { ...t1, columns: columnsOf([...ID_AB, '4 a_new text']) };
  const cache = emptyCache(t, [start, other]);
  createTable(cache, start);
  createTable(cache, other);
  cache.exec("CREATE TABLE notes (text); INSERT INTO t VALUES (1, 'old', 'b', 'new'); CREATE VIEW v AS SELECT a FROM t; CREATE INDEX i ON t (a)");
  assert.deepEqual(change(cache, { ...start, columns: columnsOf(['1 id integer', '3 b text', '4 a text']), indexes: [] }, start), []);
  assert.deepEqual(valuesOf(cache, 'SELECT * FROM v'), [['new']]);
  assert.match(String(sqlOf(cache, 'i')), /\(a\)/);
});

/** The sqlite3 shell takes "x" for 'x' where there is no such column; we don't, and no longer read what it says. */
const SHELL: Readonly<Record<string, readonly [string, string, string]>> = {
  'a CHECK of another table': ["CREATE TABLE more (x CHECK (x IN ('p')))", 'more', "'p'"],
  'an index of another table': ["CREATE TABLE more (x); CREATE INDEX i ON more (x) WHERE x = 'p'", 'i', "'p'"],
  'a view': ["CREATE VIEW v AS SELECT a FROM t WHERE b = 'p'", 'v', "'p'"],
};
function saidInDoubleQuotes(cache: Cache, object: string, literal: string): void {
  cache.unsafeMode(true);
  cache.pragma('writable_schema = ON');
  cache.prepare('UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ?').run(literal, literal.replaceAll("'", '"'), object);
  cache.pragma('writable_schema = RESET');
  cache.unsafeMode(false);
}

for (const [name, [sql, object, literal]] of Object.entries(SHELL)) {
  for (const [what, after] of Object.entries({ 'a renamed column': renamed, 'a dropped column': dropped, 'a renamed table': moved, 'both': { ...renamed, name: 'u', table: 'u' } })) {
    test(`${name} with a text in double quotes does not stop ${what}`, (t) => {
      const cache = cacheWith(t, `${sql}; CREATE INDEX mine ON t (b)`);
      saidInDoubleQuotes(cache, object, literal);
      const text = sqlOf(cache, object);
      assert.match(String(text), /"p"/);
      assert.deepEqual(change(cache, after), []);
      assert.deepEqual(valuesOf(cache, `SELECT id, b FROM ${after.table}`), [[1n, '1'], [2n, '2']]);
      assert.equal(sqlOf(cache, object), text);
      assert.ok(sqlOf(cache, 'mine'));
    });
  }
}

test('where SQLite refuses a rename, rows of a table without a key are still found by their hashes', (t) => {
  const keyless = tableOf('k', ['1 a text', '2 b integer'], [], { oid: 9 });
  const cache = cacheWith(t, SHELL['a CHECK of another table'][0]);
  createTable(cache, keyless);
  cache.exec("INSERT INTO k VALUES ('x', 1), ('y', 2), ('z', 3); DELETE FROM k WHERE b = 1; CREATE UNIQUE INDEX i ON k (b)");
  assert.equal(new RowIndex(cache, keyless).find(['z', 3]), 3);
  saidInDoubleQuotes(cache, 'more', "'p'");
  assert.deepEqual(renameTable(cache, 'k', 'l'), []);
  assert.equal(new RowIndex(cache, { ...keyless, table: 'l' }).find(['z', 3]), 3);
  assert.match(String(sqlOf(cache, 'i')), /^CREATE UNIQUE INDEX i ON "l"/);
});

test('a table that is moved aside takes what stands on it along, and gives up its name', (t) => {
  const cache = cacheWith(t, 'CREATE VIEW v AS SELECT a FROM t; CREATE INDEX i ON t (b)');
  const page = pageOf(cache, 't');
  assert.deepEqual(renameTable(cache, 't', '_daystream_aside_1'), []);
  assert.equal(pageOf(cache, '_daystream_aside_1'), page);
  createTable(cache, { ...t1, oid: 3, indexes: [] });
  assert.deepEqual(valuesOf(cache, 'SELECT * FROM v'), [['x'], ['y']]);
  assert.deepEqual(valuesOf(cache, "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = '_daystream_aside_1' ORDER BY name"), [['i'], ['own']]);
});

test('what stood on a dropped table is told; a view stays', (t) => {
  const cache = cacheWith(t, 'CREATE VIEW v AS SELECT a FROM t; CREATE INDEX i ON t (b); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END; CREATE TRIGGER h AFTER INSERT ON other BEGIN DELETE FROM t; END; CREATE TABLE _daystream_rows_1 (row, hash)');
  assert.deepEqual(dropTable(cache, t1).map(({ kind, name }) => [kind, name]), [['index', 'i'], ['trigger', 'g'], ['view', 'v'], ['trigger', 'h']]);
  assert.deepEqual(namesOf(cache).filter((name) => ['t', 'i', 'own', 'g', 'h', 'v', '_daystream_rows_1'].includes(name)), ['v']);
  writes(cache, other);
});

test('views on a table that stood aside say its name again when it is dropped', (t) => {
  const cache = cacheWith(t, 'CREATE VIEW v AS SELECT a FROM t; CREATE TABLE child (t REFERENCES t)');
  renameTable(cache, 't', '_daystream_aside_1');
  assert.deepEqual(dropTable(cache, { ...t1, table: '_daystream_aside_1' }, 't').map(({ kind, name }) => [kind, name]), [['view', 'v']]);
  createTable(cache, { ...t1, oid: 3 });
  assert.deepEqual(valuesOf(cache, 'SELECT * FROM v'), []);
  cache.pragma('foreign_keys = ON');
  assert.throws(() => cache.exec('INSERT INTO child VALUES (1)'), /FOREIGN KEY constraint failed/);
});
