/** The tables of a cache: what is created for a mirrored table, and which tables SQLite cannot hold. */
import { written } from '../daystream/pattern.js';
import { DeltaError } from '../errors.js';
import { folded, quote, reservedBecause, rowidName } from './names.js';
import { heldColumns, keyColumns, type CacheIndex, type CacheTable } from './tables.js';
import { affinityOf } from './values.js';

/**
 * CREATE TABLE with explicit affinities. A key becomes the primary key, and with a
 * single integer column so SQLite's row id. Of NOT NULL only the key's is carried over,
 * since Postgres can drop the others without a word in the log.
 */
export function createTableSql(table: CacheTable): string {
  const key = keyColumns(table).map(({ as }) => as);
  const columns = heldColumns(table).map(({ as, type, numeric }) => `${quote(as)} ${affinityOf(type, numeric)}${key.includes(as) ? ' NOT NULL' : ''}`);
  const constraints = key.length === 0 ? [] : [`PRIMARY KEY (${key.map(quote).join(', ')})`];
  return `CREATE TABLE ${quote(table.table)} (\n  ${[...columns, ...constraints].join(',\n  ')}\n)`;
}

/** CREATE INDEX of an index whose columns are all held. */
export function createIndexSql(table: CacheTable, index: CacheIndex): string {
  const held = heldColumns(table);
  const columns = index.columns.map(({ attnum, descending }) => quote(held.find((column) => column.attnum === attnum)!.as) + (descending ? ' DESC' : ''));
  return `CREATE INDEX ${quote(index.name)} ON ${quote(table.table)} (${columns.join(', ')})`;
}

/** Throws DeltaError config, naming the tables or columns, where SQLite cannot hold these tables side by side, and beside `others`: names of indexes and views. */
export function requireHoldable(tables: readonly CacheTable[], others: readonly string[] = []): void {
  const taken = new Map(others.map((name) => [folded(name), name]));
  requireApart(tables.map((table) => ({ name: table.table, place: placeOf(table), written: written(table.schema, table.name) })), 'tables');
  for (const table of tables) {
    const place = placeOf(table);
    const name = written(table.schema, table.name);
    const columns = heldColumns(table);
    const reserved = reservedBecause(table.table);
    if (reserved !== undefined) throw refused(place, reserved, renameHint(name, table.table));
    const other = taken.get(folded(table.table));
    if (other !== undefined) throw refused(place, `SQLite cannot tell its name from that of ${other}, which the cache has`, renameHint(name, `${table.table}_table`));
    if (columns.length === 0) throw refused(place, 'it has no columns, and SQLite has no such tables', `leave it out of --tables`);
    requireApart(columns.map((column) => ({ name: column.as, place: `${place}.${column.name}`, written: written(table.schema, table.name, column.name) })), 'columns');
    if (table.key.length === 0 && rowidName(columns.map(({ as }) => as)) === undefined) {
      throw refused(place, 'it has no key, and its columns hide all of rowid, _rowid_ and oid', renameHint(written(table.schema, table.name, columns.find(({ as }) => folded(as) === 'oid')?.name ?? ''), 'pg_oid'));
    }
  }
}

interface Named { readonly name: string; readonly place: string; readonly written: string }

/** SQLite takes `Foo` and `foo` for one name. */
function requireApart(named: readonly Named[], what: string): void {
  const seen = new Map<string, Named>();
  for (const one of named) {
    const twin = seen.get(folded(one.name));
    if (twin !== undefined) {
      const upper = twin.name === folded(twin.name) ? one : twin;
      throw refused(`${twin.place} and ${one.place}`, `SQLite cannot tell the two ${what} apart by name`, renameHint(upper.written, `${upper.name}_${twin.name === one.name ? '2' : 'upper'}`));
    }
    seen.set(folded(one.name), one);
  }
}

function renameHint(name: string, as: string): string {
  return `give it another name in the cache: --rename '${name.replaceAll("'", `'\\''`)}=${as.replace(/^(?:sqlite_|_daystream)/i, 'pg_').replaceAll("'", '')}'`;
}

function placeOf(table: CacheTable): string {
  return `${table.schema}.${table.name}`;
}

function refused(place: string, reason: string, hint: string): DeltaError {
  return new DeltaError('config', `${place}: cannot be mirrored: ${reason}`, { hint });
}
