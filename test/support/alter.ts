/** Tables of a cache as they are before and after a change, and all that can be seen of one. */
import Database from 'better-sqlite3';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { APPLICATION_ID, CACHE_VERSION } from '../../src/sqlite/header.js';
import { KEPT_DDL } from '../../src/sqlite/copies.js';
import { cacheName, quote } from '../../src/sqlite/names.js';
import { openCache, type Cache } from '../../src/sqlite/open.js';
import { POSITION_DDL } from '../../src/sqlite/position.js';
import { TABLES_DDL, writeTable, type CacheColumn, type CacheIndex, type CacheTable } from '../../src/sqlite/tables.js';
import type { Stored } from '../../src/sqlite/values.js';
import { temporaryFolder } from './folder.js';

/** A column as `attnum name type`; the name may have blanks. */
export type ColumnText = `${number} ${string} ${string}`;

export function columnsOf(columns: readonly ColumnText[]): CacheColumn[] {
  return columns.map((text) => {
    const match = /^(\d+) (.*) (\S+)$/s.exec(text)!;
    return { attnum: Number(match[1]), name: match[2], type: match[3].replaceAll('_', ' '), notNull: false };
  });
}

export function tableOf(name: string, columns: readonly ColumnText[], key: readonly number[] = [], more: Partial<CacheTable> = {}): CacheTable {
  return { schema: 'public', name, table: cacheName('public', name), oid: 1, kind: 'ordinary', identity: 'full', key, columns: columnsOf(columns), pattern: '*', choice: {}, ...more };
}

/** `i 3 desc,2` */
export function indexOf(text: string): CacheIndex {
  const match = /^(.*?) ((?:\d+(?: desc)?,?)+)$/s.exec(text)!;
  return { name: match[1], columns: match[2].split(',').map((part) => ({ attnum: parseInt(part), descending: part.endsWith(' desc') })) };
}

/** A new cache file, opened as the mirror opens it. */
export function emptyCache(t: TestContext, tables: readonly CacheTable[] = []): Cache {
  const path = join(temporaryFolder(t), 'cache.db');
  const made = new Database(path);
  made.exec(`${POSITION_DDL}; ${TABLES_DDL}; ${KEPT_DDL}`);
  made.pragma(`application_id = ${APPLICATION_ID}`);
  made.pragma(`user_version = ${CACHE_VERSION}`);
  made.close();
  const cache = openCache(path);
  t.after(() => cache.close());
  for (const table of tables) writeTable(cache, table);
  return cache;
}

/** What a fresh import would be compared by: columns, key, indexes and, in no order, the rows with their storage classes. */
export function seen(cache: Cache, table: string): unknown {
  const columns = cache.prepare<[string], { name: string }>('SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?)').all(table);
  const indexes = cache.prepare<[string], { name: string; origin: string }>('SELECT name, "unique", origin, partial FROM pragma_index_list(?) ORDER BY name').all(table);
  const parts = cache.prepare('SELECT name, "desc", coll, key FROM pragma_index_xinfo(?)');
  return {
    columns,
    indexes: indexes.map((index) => ({ ...index, parts: parts.all(index.name).map((part) => JSON.stringify(part)) })),
    rows: rowsOf(cache, table, columns.map(({ name }) => name)),
  };
}

export function rowsOf(cache: Cache, table: string, columns: readonly string[]): string[] {
  // Of each storage class quote() makes another text.
  const rows = cache.prepare<[], string[]>(`SELECT ${columns.map((name) => `quote(${quote(name)})`).join(', ')} FROM ${quote(table)}`).raw().all();
  return rows.map((row) => row.join('\t')).sort();
}

/** Where the table's rows stand in the file: the same page as long as they are not copied. */
export function pageOf(cache: Cache, table: string): unknown {
  return cache.prepare("SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?").pluck().get(table);
}

export function sqlOf(cache: Cache, name: string): unknown {
  return cache.prepare('SELECT sql FROM sqlite_schema WHERE name = ?').pluck().get(name);
}

export function valuesOf(cache: Cache, sql: string): Stored[][] {
  return cache.prepare<[], Stored[]>(sql).raw().safeIntegers().all();
}

export function namesOf(cache: Cache): string[] {
  return cache.prepare<[], string>('SELECT name FROM sqlite_schema ORDER BY rowid').pluck().all();
}
