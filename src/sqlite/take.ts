/**
 * A cache, or a part of it, in another file. What the file gets is named one by one, so
 * nothing that an application has made in the cache, and nothing that was deleted from it,
 * comes along. All is read in one transaction of SQLite: it is what the cache held at its
 * position, and whoever writes the cache meanwhile does not wait.
 */
import { DeltaError } from '../errors.js';
import type { BoundFilter } from '../filter/bind.js';
import { copyName } from './copies.js';
import { importCommand } from './cure.js';
import { createBulk, finishBulk, syncFile } from './bulk.js';
import { quote } from './names.js';
import { cacheError, guarded, openCache, requireCache, type Cache } from './open.js';
import { makeIndexes } from './own-indexes.js';
import { readPatterns, writePatterns, type ChosenPattern } from './patterns.js';
import { readPosition, type CachePosition } from './position.js';
import { createHashes, createRowIndex, indexHashes, rowIndexName } from './row-index.js';
import { rowid } from './rows.js';
import { createTableSql } from './schema.js';
import { heldColumns, readTables, writeTable, type CacheTable, type HeldColumn } from './tables.js';
import { canonical, valueOf, type Stored } from './values.js';

/** What a cache says of itself. */
export interface Held {
  readonly at: CachePosition | undefined;
  readonly tables: readonly CacheTable[];
  readonly patterns: readonly ChosenPattern[];
}

/** A table and what becomes of it: the same, or fewer columns, other names, rounded numbers; of the rows those that the filter holds for. */
export interface Taking {
  readonly from: CacheTable;
  readonly to: CacheTable;
  readonly filter: BoundFilter | undefined;
}

export interface Taken {
  readonly tables: readonly Taking[];
  /** Undefined: those of the cache. */
  readonly patterns?: readonly ChosenPattern[];
  /** The log that whoever has the file follows; undefined: that of the cache. */
  readonly source?: string;
}

/** What nobody chose to take or to leave: objects that the cache does not know as its own. */
export interface LeftBehind {
  readonly kind: string;
  readonly name: string;
}

const COPIED = ['_daystream_position', '_daystream_tables', '_daystream_patterns'];

/** Makes the file `draft`, synced, of what `choose` takes from the cache at `path`. Throws DeltaError; the draft is then to be removed. */
export function takeTables(draft: string, path: string, choose: (held: Held) => Taken): Held & { readonly leftBehind: readonly LeftBehind[] } {
  requireCache(path);
  const cache = createBulk(draft);
  try {
    cache.prepare('ATTACH ? AS source').run(path);
    for (const name of COPIED) cache.exec(`INSERT INTO main.${name} SELECT * FROM source.${name}`);
    const held = { at: readPosition(cache), tables: readTables(cache), patterns: readPatterns(cache) };
    const { tables, patterns, source } = choose(held);
    cache.exec('DELETE FROM main._daystream_tables');
    for (const taking of tables) takeTable(cache, path, taking);
    if (patterns !== undefined) cache.exec('DELETE FROM main._daystream_patterns');
    writePatterns(cache, patterns ?? []);
    // Who keeps others from writing to it makes its triggers anew.
    cache.exec('UPDATE main._daystream_position SET protect = 0');
    if (source !== undefined) cache.prepare('UPDATE main._daystream_position SET source = ?').run(source);
    const taken = new Set(tables.map(({ from }) => from.oid));
    const leftBehind = leftBehindBy(cache, held.tables.filter(({ oid }) => !taken.has(oid)).map(({ table }) => table));
    finishBulk(draft, cache);
    return { ...held, leftBehind };
  } catch (error) {
    // What cannot be written is the draft's, what cannot be read the cache's.
    throw cacheError(isOfWriting(error) ? draft : path, error);
  } finally {
    if (cache.open) cache.close();
  }
}

/** Makes a file that somebody else's mirror filled a draft of a cache that follows the log at `source`, synced. */
export function takeWhole(path: string, source: string): void {
  const cache = openCache(path);
  try {
    guarded(path, () => cache.prepare('UPDATE _daystream_position SET source = ?').run(source));
  } finally {
    cache.close();
  }
  syncFile(path);
}

function takeTable(cache: Cache, path: string, taking: Taking): void {
  const { from, to } = taking;
  writeTable(cache, to);
  if (isThere(cache, from.table)) {
    cache.exec(createTableSql(to));
    copyRows(cache, taking);
    makeIndexes(cache, to, []);
    takeHashes(cache, taking);
  } else if (from.quarantine === undefined && from.waiting === undefined) {
    throw new DeltaError('cache', `${path}: table ${from.table} is not there any more: somebody has removed it`, { hint: `to have it again: ${importCommand(path, from.schema, from.name)}` });
  }
  // A copy that is coming in goes on where it was.
  if (from.waiting?.copy === undefined) return;
  const copy: CacheTable = { ...from.waiting.copy.table, table: copyName(from.oid) };
  cache.exec(createTableSql(copy));
  copyRows(cache, { from: copy, to: copy, filter: undefined });
  cache.prepare('INSERT INTO main._daystream_kept SELECT oid, line FROM source._daystream_kept WHERE oid = ? ORDER BY rowid').run(from.oid);
}

/** Where the two are alike, SQLite copies the rows as they lie. Without a key a row is known by its row id, which it keeps. */
function copyRows(cache: Cache, { from, to, filter }: Taking): void {
  const [source, target] = [`source.${quote(from.table)}`, `main.${quote(to.table)}`];
  const columns = pairsOf(from, to);
  if (filter === undefined && to.key.length > 0 && areAlike(cache, from, columns)) {
    cache.exec(`INSERT INTO ${target} SELECT * FROM ${source}`);
    return;
  }
  const kept = to.key.length > 0 ? [] : [{ as: rowid(to), value: rowid(from) }];
  const named = [...kept, ...columns.map(([was, is], i) => ({ as: quote(is.as), value: valueIn(cache, was, is, i) }))];
  const where = filter === undefined ? '' : ` WHERE ${testOf(cache, from, filter)}`;
  cache.exec(`INSERT INTO ${target} (${named.map(({ as }) => as).join(', ')}) SELECT ${named.map(({ value }) => value).join(', ')} FROM ${source}${where}`);
}

function pairsOf(from: CacheTable, to: CacheTable): [HeldColumn, HeldColumn][] {
  const before = new Map(heldColumns(from).map((column) => [column.attnum, column]));
  return heldColumns(to).map((column) => [before.get(column.attnum)!, column]);
}

/** True where the file has the columns of both, in their order and no others: an application may have added one. */
function areAlike(cache: Cache, from: CacheTable, columns: readonly [HeldColumn, HeldColumn][]): boolean {
  const present = cache.prepare<[string], string>("SELECT name FROM pragma_table_xinfo(?, 'source')").pluck().all(from.table);
  return present.length === columns.length && columns.every(([was, is], i) => present[i] === was.as && was.numeric === is.numeric);
}

/** The SQL for a value as the new table holds it. */
function valueIn(cache: Cache, was: HeldColumn, is: HeldColumn, number: number): string {
  if (was.numeric === is.numeric) return quote(was.as);
  const convert = valueOf(is.type, is.numeric);
  const name = `_daystream_value_${number}`;
  cache.function(name, { safeIntegers: true, deterministic: true, directOnly: true }, (value) => {
    const text = canonical(was.type, value as Stored);
    return text === null ? null : convert(text);
  });
  return `${name}(${quote(was.as)})`;
}

function testOf(cache: Cache, from: CacheTable, { filter, holds }: BoundFilter): string {
  const held = heldColumns(from);
  const columns = filter.columns.map((name) => held.find((column) => column.name === name)!);
  cache.function('_daystream_holds', { safeIntegers: true, deterministic: true, directOnly: true, varargs: true }, (...values) => {
    const texts = new Map(columns.map(({ name, type }, i) => [name, canonical(type, values[i] as Stored)]));
    return holds((name) => texts.get(name) ?? null) ? 1 : 0;
  });
  return `_daystream_holds(${columns.map(({ as }) => quote(as)).join(', ')})`;
}

/** Where the cache has hashes of rows the new file has them too; they are of whole rows. */
function takeHashes(cache: Cache, { from, to, filter }: Taking): void {
  if (to.key.length > 0 || !isThere(cache, rowIndexName(from))) return;
  const columns = pairsOf(from, to);
  const isWhole = filter === undefined && columns.length === heldColumns(from).length && columns.every(([was, is]) => was.numeric === is.numeric);
  if (!isWhole) return createRowIndex(cache, to);
  createHashes(cache, to);
  cache.exec(`INSERT INTO main.${rowIndexName(to)} SELECT * FROM source.${rowIndexName(from)}`);
  indexHashes(cache, to);
}

function isThere(cache: Cache, table: string): boolean {
  return cache.prepare("SELECT 1 FROM source.sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE").get(table) !== undefined;
}

function leftBehindBy(cache: Cache, untaken: readonly string[]): LeftBehind[] {
  return cache.prepare<[string], LeftBehind>(`SELECT type AS kind, name FROM source.sqlite_schema AS had
    WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_daystream%' ESCAPE '\\'
    AND NOT EXISTS (SELECT 1 FROM json_each(?) WHERE value = had.tbl_name COLLATE NOCASE)
    AND NOT EXISTS (SELECT 1 FROM main.sqlite_schema AS has WHERE has.type = had.type AND has.name = had.name) ORDER BY had.rowid`).all(JSON.stringify(untaken));
}

function isOfWriting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^SQLITE_(?:FULL|IOERR_WRITE|IOERR_FSYNC|IOERR_TRUNCATE)/.test(String(error.code));
}
