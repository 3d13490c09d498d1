/**
 * The statements that change a mirrored table, each for a list of columns by their names
 * in the cache. A change touches exactly one row: none means that the cache has diverged
 * (design P5), and the caller is told how many it was.
 */
import { quote, rowidName } from './names.js';
import { indexesAndTriggers } from './objects.js';
import type { Cache, Statement } from './open.js';
import { heldColumns, keyColumns, type CacheTable } from './tables.js';

/** A statement and, for each value in the order of the caller's columns, the parameters it goes to. */
export interface RowStatement {
  readonly statement: Statement;
  readonly parameters: number;
  /** `targets[i]` is the parameter of the i-th column given, -1 where it has none. */
  readonly targets: readonly number[];
  /** With the same parameters: changes the row by less work, or, where that would not do, no row. */
  readonly guarded?: Statement;
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
  const where = `${byKey(key)}${guard(table, columns, absent)}`;
  if (absent === 'unchanged') return updateGuarded(cache, table, columns, set, key, where);
  const order = [...set, ...key];
  return { statement: cache.prepare(updateSql(table, set, nulls(table, columns, absent), where)), parameters: order.length, targets: columns.map((name) => order.indexOf(name)) };
}

/** UPDATE of every given column of the row that has the old key; the old key's values, in key order, follow those of the new row. */
export function updateOldKey(cache: Cache, table: CacheTable, columns: readonly string[], absent: Absent): RowStatement {
  return updateWhere(cache, table, columns, absent, byKey(keyNames(table)), table.key.length);
}

/** DELETE of the row that has the key among the columns. */
export function deleteKey(cache: Cache, table: CacheTable, columns: readonly string[]): RowStatement {
  const key = keyNames(table);
  const sql = `DELETE FROM ${quote(table.table)} WHERE ${byKey(key)}`;
  return { statement: cache.prepare(sql), parameters: key.length, targets: columns.map((name) => key.indexOf(name)) };
}

/** UPDATE of one of the rows without a key that are equal in the old columns, whose values follow those of the new row. */
export function updateEqual(cache: Cache, table: CacheTable, columns: readonly string[], absent: Absent, oldColumns: readonly string[]): RowStatement {
  return updateWhere(cache, table, columns, absent, oneEqual(table, oldColumns), oldColumns.length);
}

/** DELETE of one of the rows without a key that are equal in the old columns. */
export function deleteEqual(cache: Cache, table: CacheTable, oldColumns: readonly string[]): RowStatement {
  const sql = `DELETE FROM ${quote(table.table)} WHERE ${oneEqual(table, oldColumns)}`;
  return { statement: cache.prepare(sql), parameters: oldColumns.length, targets: oldColumns.map((_, i) => i) };
}

/** UPDATE of the given columns of the row whose row id follows their values. */
export function updateRowid(cache: Cache, table: CacheTable, columns: readonly string[]): RowStatement {
  return updateGuarded(cache, table, columns, columns, [rowid(table)], `${rowid(table)} = ?`);
}

export function deleteRowid(cache: Cache, table: CacheTable): Statement {
  return cache.prepare(`DELETE FROM ${quote(table.table)} WHERE ${rowid(table)} = ?`);
}

export function deleteAll(cache: Cache, table: CacheTable): Statement {
  return cache.prepare(`DELETE FROM ${quote(table.table)}`);
}

/** The name of the table's row id. */
export function rowid(table: CacheTable): string {
  const name = rowidName(heldColumns(table).map(({ as }) => as));
  if (name === undefined) throw new Error(`${table.table} hides all names of its row id`);
  return name;
}

/** True for rows that are equal in these columns, NULL being equal to NULL. One comparison of rows: a chain of ANDs could be too deep for SQLite. */
export function areEqual(columns: readonly string[], of = ''): string {
  return `(${columns.map((name) => of + quote(name)).join(', ')}) IS (${columns.map(() => '?').join(', ')})`;
}

export function byKey(key: readonly string[]): string {
  return key.map((name) => `${quote(name)} = ?`).join(' AND ');
}

/**
 * UPDATE of the columns `set`, whose parameters those of the key follow. SQLite makes the
 * entry of an index anew for each column that is set, changed or not, and the log does not
 * tell which are changed. So the guarded statement leaves out what has an index, and
 * changes the row only where that is in it already.
 */
function updateGuarded(cache: Cache, table: CacheTable, columns: readonly string[], set: readonly string[], key: readonly string[], where: string): RowStatement {
  const indexed = indexedColumns(cache, table);
  const guards = isWatched(cache, table) ? [] : set.filter((name) => indexed.has(name));
  const free = set.filter((name) => !guards.includes(name));
  const order = [...free, ...guards, ...key];
  const isInIt = guards.map((name) => `${quote(name)} COLLATE BINARY IS ? AND `).join('');
  return {
    statement: cache.prepare(updateSql(table, [...free, ...guards], [], where)),
    parameters: order.length,
    targets: columns.map((name) => order.indexOf(name)),
    ...(guards.length > 0 && { guarded: cache.prepare(updateSql(table, free, [], isInIt + where)) }),
  };
}

function updateSql(table: CacheTable, set: readonly string[], nulled: readonly string[], where: string): string {
  const assignments = [...set.map((name) => `${quote(name)} = ?`), ...nulled];
  // With nothing to set the statement still tells whether the row is there.
  const [any] = heldColumns(table).map(({ as }) => quote(as));
  if (assignments.length === 0) assignments.push(`${any} = ${any}`);
  return `UPDATE ${quote(table.table)} SET ${assignments.join(', ')} WHERE ${where}`;
}

/** True where an application's trigger is on the table: one `UPDATE OF` a column fires where that is set, changed or not. */
function isWatched(cache: Cache, table: CacheTable): boolean {
  return indexesAndTriggers(cache, table.table).some(({ kind }) => kind === 'trigger');
}

/** The columns that have an index, of ours or an application's. */
function indexedColumns(cache: Cache, table: CacheTable): Set<string> {
  return new Set(cache.prepare<[string], string>(`SELECT DISTINCT part.name FROM pragma_index_list(?, 'main') AS made, pragma_index_xinfo(made.name, 'main') AS part
    WHERE part.key = 1 AND part.name IS NOT NULL`).pluck().all(table.table));
}

/** The key's names in the cache, in key order. */
function keyNames(table: CacheTable): string[] {
  return keyColumns(table).map(({ as }) => as);
}

function updateWhere(cache: Cache, table: CacheTable, columns: readonly string[], absent: Absent, where: string, more: number): RowStatement {
  const assignments = [...columns.map((name) => `${quote(name)} = ?`), ...nulls(table, columns, absent)];
  const sql = `UPDATE ${quote(table.table)} SET ${assignments.join(', ')} WHERE ${where}${guard(table, columns, absent)}`;
  return { statement: cache.prepare(sql), parameters: columns.length + more, targets: columns.map((_, i) => i) };
}

function oneEqual(table: CacheTable, columns: readonly string[]): string {
  return `${rowid(table)} = (SELECT ${rowid(table)} FROM ${quote(table.table)} WHERE ${areEqual(columns)} LIMIT 1)`;
}

function absentOf(table: CacheTable, columns: readonly string[]): string[] {
  return heldColumns(table).map(({ as }) => as).filter((name) => !columns.includes(name)).map(quote);
}

function nulls(table: CacheTable, columns: readonly string[], absent: Absent): string[] {
  return absent === 'unchanged' ? [] : absentOf(table, columns).map((name) => `${name} = NULL`);
}

/** Finds no row where an absent column could be unchanged rather than NULL. */
function guard(table: CacheTable, columns: readonly string[], absent: Absent): string {
  const unnamed = absent === 'unchanged' ? [] : absentOf(table, columns);
  if (unnamed.length === 0) return '';
  const size = heldColumns(table).map(({ as }) => `${COLUMN_BYTES} + coalesce(length(CAST(${quote(as)} AS BLOB)), 0)`).join(' + ');
  return ` AND (${unnamed.map((name) => `${name} IS NULL`).join(' AND ')} OR ${size} < ${NO_TOAST_BELOW_BYTES})`;
}
