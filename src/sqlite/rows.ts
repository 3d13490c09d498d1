/**
 * The statements that change a mirrored table, each for a list of columns. A change
 * touches exactly one row: none means that the cache has diverged (design P5), and the
 * caller is told how many it was.
 */
import { quote, rowidName } from './names.js';
import type { Cache, Statement } from './open.js';
import { keyNames } from './schema.js';
import type { CacheTable } from './tables.js';

/** A statement and, for each value in the order of the caller's columns, the parameters it goes to. */
export interface RowStatement {
  readonly statement: Statement;
  readonly parameters: number;
  /** `targets[i]` is the parameter of the i-th column given. */
  readonly targets: readonly number[];
}

/**
 * What a column means that an update does not name: `unchanged`; or, in the original
 * format, NULL or unchanged, which that format cannot tell apart.
 */
export type Absent = 'unchanged' | 'null-or-unchanged';

/**
 * Postgres stores a value apart, and so can leave it out of an update, only where the
 * whole row passes about 2,000 bytes. A row that is smaller by this estimate (each
 * column at its length as text, and at most 16 bytes more) has none.
 */
const NO_TOAST_BELOW_BYTES = 1900;
const COLUMN_BYTES = 16;

export function insertInto(cache: Cache, table: CacheTable, columns: readonly string[]): RowStatement {
  const sql = `INSERT INTO ${quote(table.table)} (${columns.map(quote).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
  return { statement: cache.prepare(sql), parameters: columns.length, targets: columns.map((_, i) => i) };
}

/** UPDATE of the row that has the key among the columns; the key stays as it is. */
export function updateSameKey(cache: Cache, table: CacheTable, columns: readonly string[], absent: Absent): RowStatement {
  const key = keyNames(table);
  const set = columns.filter((name) => !key.includes(name));
  const assignments = [...set.map((name) => `${quote(name)} = ?`), ...nulls(table, columns, absent)];
  // With nothing to set the statement still tells whether the row is there.
  if (assignments.length === 0) assignments.push(`${quote(key[0])} = ${quote(key[0])}`);
  const sql = `UPDATE ${quote(table.table)} SET ${assignments.join(', ')} WHERE ${oneRow(table, key)}${guard(table, columns, absent)}`;
  const order = [...set, ...key];
  return { statement: cache.prepare(sql), parameters: order.length, targets: columns.map((name) => order.indexOf(name)) };
}

/** UPDATE of every given column of one old row; the old row's values follow those of the new one. */
export function updateOldRow(cache: Cache, table: CacheTable, columns: readonly string[], absent: Absent, oldColumns: readonly string[]): RowStatement {
  const assignments = [...columns.map((name) => `${quote(name)} = ?`), ...nulls(table, columns, absent)];
  const sql = `UPDATE ${quote(table.table)} SET ${assignments.join(', ')} WHERE ${oneRow(table, oldColumns)}${guard(table, columns, absent)}`;
  return { statement: cache.prepare(sql), parameters: columns.length + oldColumns.length, targets: columns.map((_, i) => i) };
}

export function deleteOldRow(cache: Cache, table: CacheTable, oldColumns: readonly string[]): RowStatement {
  const sql = `DELETE FROM ${quote(table.table)} WHERE ${oneRow(table, oldColumns)}`;
  return { statement: cache.prepare(sql), parameters: oldColumns.length, targets: oldColumns.map((_, i) => i) };
}

export function deleteAll(cache: Cache, table: CacheTable): Statement {
  return cache.prepare(`DELETE FROM ${quote(table.table)}`);
}

/** The condition that finds one row: by key, or without a key one of those that are equal in every column. */
function oneRow(table: CacheTable, columns: readonly string[]): string {
  if (table.key.length > 0) return columns.map((name) => `${quote(name)} = ?`).join(' AND ');
  const rowid = rowidName(table.columns.map(({ name }) => name));
  if (rowid === undefined) throw new Error(`${table.table} hides all names of its row id`);
  const equal = columns.map((name) => `${quote(name)} IS ?`).join(' AND ');
  return `${rowid} = (SELECT ${rowid} FROM ${quote(table.table)} WHERE ${equal} LIMIT 1)`;
}

function absentOf(table: CacheTable, columns: readonly string[]): string[] {
  return table.columns.map(({ name }) => quote(name)).filter((_, i) => !columns.includes(table.columns[i].name));
}

function nulls(table: CacheTable, columns: readonly string[], absent: Absent): string[] {
  return absent === 'unchanged' ? [] : absentOf(table, columns).map((name) => `${name} = NULL`);
}

/** Finds no row where an absent column could be unchanged rather than NULL. */
function guard(table: CacheTable, columns: readonly string[], absent: Absent): string {
  const unnamed = absent === 'unchanged' ? [] : absentOf(table, columns);
  if (unnamed.length === 0) return '';
  const size = table.columns.map(({ name }) => `${COLUMN_BYTES} + coalesce(length(CAST(${quote(name)} AS BLOB)), 0)`).join(' + ');
  return ` AND (${unnamed.map((name) => `${name} IS NULL`).join(' AND ')} OR ${size} < ${NO_TOAST_BELOW_BYTES})`;
}
