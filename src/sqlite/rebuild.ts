/** A table made anew in another shape, beside the one that is there, and put in its place. */
import { foreignObjects } from './drop.js';
import { AlterFailed, type Lost } from './lost.js';
import { quote } from './names.js';
import { isRefusal, putBack } from './objects.js';
import type { Cache } from './open.js';
import { makeIndexes, presentIndexes } from './own-indexes.js';
import { placeTable } from './rename.js';
import { createTableSql } from './schema.js';
import { renewStatistics } from './statistics.js';
import { heldColumns, keyColumns, type CacheIndex, type CacheTable } from './tables.js';
import { affinityOf, type Bindable, type Stored } from './values.js';

/** What a column holds that is new, or of another type. */
export interface AlterValues {
  /** By attnum what old rows hold in an added column, as SQLite holds it; absent: NULL. */
  readonly missing: ReadonlyMap<number, Bindable | null>;
  /** By attnum how the stored values of a retyped column become the new ones; absent: they stay. */
  readonly convert: ReadonlyMap<number, (value: Stored) => Bindable | null>;
}

/** `names`: by attnum the columns that the rows have now, under the table's name. `own`: our indexes that are there. Throws AlterFailed where the rows do not fit. */
export function rebuild(cache: Cache, table: CacheTable, names: ReadonlyMap<number, string>, own: readonly CacheIndex[], values: AlterValues): Lost[] {
  const beside = { ...table, table: `_daystream_new_${table.oid}` };
  cache.exec(createTableSql(beside));
  fill(cache, table, beside.table, names, values);
  return replaceTable(cache, beside.table, table, own);
}

/** Puts the table `from` in the place of the one that has the table's name; an application's own indexes and triggers are made on it again, and ours. */
export function replaceTable(cache: Cache, from: string, table: CacheTable, own: readonly CacheIndex[]): Lost[] {
  const objects = foreignObjects(cache, table.table, own);
  cache.exec(`DROP TABLE IF EXISTS main.${quote(table.table)}`);
  const lost = [...placeTable(cache, from, table.table), ...putBack(cache, objects)];
  makeIndexes(cache, table, presentIndexes(cache, table));
  renewStatistics(cache, table.table);
  return lost;
}

function fill(cache: Cache, table: CacheTable, to: string, names: ReadonlyMap<number, string>, { missing, convert }: AlterValues): void {
  const held = heldColumns(table);
  const added = held.filter(({ attnum }) => !names.has(attnum)).map(({ attnum }) => missing.get(attnum) ?? null);
  const sources = held.map(({ attnum, type, numeric }) => {
    const name = names.get(attnum);
    const change = convert.get(attnum);
    const source = name === undefined ? '?' : quote(name);
    const value = name === undefined || change === undefined ? source : `${defineConversion(cache, attnum, change)}(${source})`;
    // Of NULL as a row id SQLite would make the next free number.
    return table.key.join() === String(attnum) && affinityOf(type, numeric) === 'INTEGER' ? `coalesce(${value}, 'NULL')` : value;
  });
  const sql = `INSERT INTO main.${quote(to)} (${held.map(({ as }) => quote(as)).join(', ')}) SELECT ${sources.join(', ')} FROM main.${quote(table.table)}`;
  try {
    cache.prepare(sql).run(added);
  } catch (error) {
    throw misfit(table, error) ?? error;
  }
}

/** The only constraint of our tables is their key. */
function misfit(table: CacheTable, error: unknown): AlterFailed | undefined {
  if (!isRefusal(error) || error.code.startsWith('SQLITE_ERROR')) return undefined;
  const key = keyColumns(table).map(({ as }) => as).join(', ');
  switch (error.code) {
    case 'SQLITE_CONSTRAINT_NOTNULL': return new AlterFailed(`it has rows with NULL in the key (${key})`, error);
    case 'SQLITE_MISMATCH': return new AlterFailed(`it has rows whose key (${key}) is no integer`, error);
    default: return new AlterFailed(`it has several rows of the same key (${key})`, error);
  }
}

function defineConversion(cache: Cache, attnum: number, change: (value: Stored) => Bindable | null): string {
  const name = `_daystream_convert_${attnum}`;
  cache.function(name, { safeIntegers: true, deterministic: true, directOnly: true }, (value) => change(value as Stored));
  return name;
}
