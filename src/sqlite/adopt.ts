/**
 * Makes a cache of a SQLite file that its user made: for logs in the original format,
 * which say nothing of the tables' shapes and cannot be joined by an import.
 */
import Database from 'better-sqlite3';
import { DeltaError } from '../errors.js';
import { guarded } from './open.js';
import { createOwnTables } from './own.js';
import { writePosition, type CachePosition } from './position.js';
import { writeTable, type CacheTable } from './tables.js';
import { quote } from './names.js';

interface ColumnInfo { cid: number; name: string; type: string; notnull: number; pk: number }

/** Adds our tables to the file, which from then on is a cache at `at`. Throws DeltaError cache where it holds no table. */
export function adoptCache(path: string, at: CachePosition): void {
  guarded(path, () => {
    const cache = new Database(path, { fileMustExist: true });
    try {
      const names = cache.prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'").all();
      if (names.length === 0) throw new DeltaError('cache', `${path}: holds no table to mirror into`, { hint: 'create the tables with their primary keys first' });
      cache.transaction(() => {
        createOwnTables(cache);
        names.forEach(({ name }, i) => writeTable(cache, describe(name, i + 1, cache.prepare<[], ColumnInfo>(`PRAGMA table_info(${quote(name)})`).all())));
        writePosition(cache, at);
      })();
    } finally {
      cache.close();
    }
  });
}

function describe(table: string, oid: number, columns: readonly ColumnInfo[]): CacheTable {
  const dot = table.indexOf('.');
  const key = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
  return {
    schema: dot === -1 ? 'public' : table.slice(0, dot),
    name: table.slice(dot + 1),
    table,
    oid,
    kind: 'ordinary',
    identity: 'default',
    key: key.map(({ cid }) => cid + 1),
    columns: columns.map(({ cid, name, type, notnull }) => ({ attnum: cid + 1, name, type: postgresType(type), notNull: notnull === 1 })),
    pattern: table,
    choice: {},
  };
}

/**
 * Text is bound as it is: the column's own affinity makes a number of it where it is one.
 * Only bytes have another form.
 */
function postgresType(declared: string): string {
  return declared.toUpperCase().includes('BLOB') ? 'bytea' : 'text';
}
