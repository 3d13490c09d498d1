/** The tables of a cache: what is created for a mirrored table, and which tables SQLite cannot hold. */
import { DeltaError } from '../errors.js';
import { folded, quote, reservedBecause, rowidName } from './names.js';
import type { CacheTable } from './tables.js';
import { affinityOf } from './values.js';

/**
 * CREATE TABLE with explicit affinities. A key becomes the primary key, and with a
 * single integer column so SQLite's row id. Of NOT NULL only the key's is carried over,
 * since Postgres can drop the others without a word in the log.
 */
export function createTableSql(table: CacheTable): string {
  const columns = table.columns.map((column) => {
    const inKey = table.key.includes(column.attnum);
    return `${quote(column.name)} ${affinityOf(column.type)}${inKey ? ' NOT NULL' : ''}`;
  });
  const key = keyNames(table);
  const constraints = key.length === 0 ? [] : [`PRIMARY KEY (${key.map(quote).join(', ')})`];
  return `CREATE TABLE ${quote(table.table)} (\n  ${[...columns, ...constraints].join(',\n  ')}\n)`;
}

/** A plain index of Postgres. Never UNIQUE here: a legal swap of two values would break it midway. */
export interface CacheIndex {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly descending: boolean }[];
}

export function createIndexSql(table: CacheTable, index: CacheIndex): string {
  const columns = index.columns.map(({ name, descending }) => quote(name) + (descending ? ' DESC' : ''));
  return `CREATE INDEX ${quote(index.name)} ON ${quote(table.table)} (${columns.join(', ')})`;
}

/** The key's column names in key order. */
export function keyNames(table: CacheTable): string[] {
  return table.key.map((attnum) => {
    const column = table.columns.find((candidate) => candidate.attnum === attnum);
    if (column === undefined) throw new Error(`key column ${attnum} of ${table.table} is not among its columns`);
    return column.name;
  });
}

/** Throws DeltaError config, naming the tables or columns, where SQLite cannot hold these tables side by side. */
export function requireHoldable(tables: readonly CacheTable[]): void {
  requireApart(tables.map((table) => ({ name: table.table, place: `${table.schema}.${table.name}` })), 'tables');
  for (const table of tables) {
    const place = `${table.schema}.${table.name}`;
    const reserved = reservedBecause(table.table);
    if (reserved !== undefined) throw refused(place, reserved);
    if (table.columns.length === 0) throw refused(place, 'it has no columns, and SQLite has no such tables');
    requireApart(table.columns.map(({ name }) => ({ name, place: `${place}.${name}` })), 'columns');
    if (table.key.length === 0 && rowidName(table.columns.map(({ name }) => name)) === undefined) {
      throw refused(place, 'it has no key, and its columns hide all of rowid, _rowid_ and oid');
    }
  }
}

/** SQLite takes `Foo` and `foo` for one name. */
function requireApart(named: readonly { name: string; place: string }[], what: string): void {
  const seen = new Map<string, string>();
  for (const { name, place } of named) {
    const twin = seen.get(folded(name));
    if (twin !== undefined) throw refused(`${twin} and ${place}`, `SQLite cannot tell the two ${what} apart by name`);
    seen.set(folded(name), place);
  }
}

function refused(place: string, reason: string): DeltaError {
  return new DeltaError('config', `${place}: cannot be mirrored: ${reason}`, { hint: 'rename it in Postgres, or leave it out of --tables' });
}
