import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { DeltaError } from '../../src/errors.js';
import { insertSql } from '../../src/sqlite/insert.js';
import { cacheName } from '../../src/sqlite/names.js';
import { createIndexSql, createTableSql, requireHoldable } from '../../src/sqlite/schema.js';
import type { CacheTable } from '../../src/sqlite/tables.js';

function table(name: string, columns: Readonly<Record<string, string>>, key: readonly number[] = [], schema = 'public'): CacheTable {
  return {
    schema, name, table: cacheName(schema, name), oid: 1, kind: 'ordinary', identity: 'default', key, pattern: '*', choice: {},
    columns: Object.entries(columns).map(([column, type], i) => ({ attnum: i + 1, name: column, type, notNull: false })),
  };
}

function refused(tables: readonly CacheTable[], words: RegExp): void {
  assert.throws(() => requireHoldable(tables), (error) => error instanceof DeltaError && error.code === 'config' && words.test(error.message));
}

test('a single integer key is the row id, in 64 bits', () => {
  const db = new Database(':memory:');
  const t = table('t', { a: 'text', id: 'bigint' }, [2]);
  db.exec(createTableSql(t));
  db.prepare(insertSql(t)).run('x', '9223372036854775807');
  assert.deepEqual(db.prepare('SELECT rowid AS r, id FROM t').safeIntegers().get(), { r: 9223372036854775807n, id: 9223372036854775807n });
  db.close();
});

test('other keys are primary keys in key order, and no key is none', () => {
  const db = new Database(':memory:');
  db.exec(createTableSql(table('keyed', { a: 'text', b: 'numeric(10,2)', c: 'integer' }, [3, 1])));
  db.exec(createTableSql(table('keyless', { a: 'integer' })));
  const info = (name: string) => db.prepare<[string], { name: string; pk: number; notnull: number }>('SELECT name, pk, "notnull" FROM pragma_table_info(?)').all(name);
  assert.deepEqual(info('keyed'), [{ name: 'a', pk: 2, notnull: 1 }, { name: 'b', pk: 0, notnull: 0 }, { name: 'c', pk: 1, notnull: 1 }]);
  assert.deepEqual(info('keyless'), [{ name: 'a', pk: 0, notnull: 0 }]);
  db.close();
});

test('any name can be a table, a column, an index', () => {
  const db = new Database(':memory:');
  for (const name of ['select', 'a"b', "a'b", 'a b', 'a;b', '漢字', 'a.b', '*', '-- x', '\n', 'a]b', '`', 'rowid']) {
    const t = table(name, { [name]: 'text', id: 'integer' }, [2], 'odd "schema"');
    requireHoldable([t]);
    db.exec(createTableSql(t));
    db.exec(createIndexSql(t, { name: `i ${name}`, columns: [{ attnum: 1, descending: true }, { attnum: 2, descending: false }] }));
    db.prepare(insertSql(t, 2)).run('x', 1, 'y', 2);
  }
  db.close();
});

test('names that SQLite takes for one are refused, both named', () => {
  refused([table('Foo', { a: 'text' }), table('foo', { a: 'text' })], /public\.Foo and public\.foo/);
  refused([table('t', { Id: 'text', id: 'text' })], /public\.t\.Id and public\.t\.id/);
  refused([table('sales.t', { a: 'text' }), table('t', { a: 'text' }, [], 'sales')], /public\.sales\.t and sales\.t/);
  requireHoldable([table('É', { a: 'text' }), table('é', { a: 'text' })]); // SQLite folds A to Z only
});

test('what SQLite or the cache keeps for itself is refused', () => {
  refused([table('sqlite_x', { a: 'text' })], /sqlite_/);
  refused([table('SQLite_x', { a: 'text' })], /sqlite_/);
  refused([table('_daystream_tables', { a: 'text' })], /_daystream/);
  refused([table('t', {})], /no columns/);
  refused([table('t', { rowid: 'text', oid: 'text', _rowid_: 'text' })], /rowid/);
  requireHoldable([table('t', { rowid: 'text', oid: 'text', _rowid_: 'text' }, [1])]);
});
