/**
 * Changing the tables of a cache while it is in use, in the SQLite transaction that is
 * open. What an application has made on them stays as far as it can, and is told of
 * where it can't; it never stops a change.
 */
import { dropCopy } from './copies.js';
import { literalOf } from './defaults.js';
import { dropHashes, foreignObjects, removeTable } from './drop.js';
import { followColumns } from './follow.js';
import type { Lost } from './lost.js';
import { quote } from './names.js';
import type { Cache } from './open.js';
import { makeIndexes, presentIndexes } from './own-indexes.js';
import { rebuild, replaceTable, type AlterValues } from './rebuild.js';
import { MEANWHILE, moveTable, placeTable, requireFree } from './rename.js';
import { createTableSql } from './schema.js';
import { heldColumns, type CacheTable, type HeldColumn } from './tables.js';
import { affinityOf } from './values.js';
import { Watch } from './watch.js';

export { AlterFailed, type Lost } from './lost.js';
export type { AlterValues } from './rebuild.js';

/** CREATE TABLE and its indexes. Throws AlterFailed where the name is taken. */
export function createTable(cache: Cache, table: CacheTable): void {
  requireFree(cache, table.table);
  cache.exec(createTableSql(table));
  makeIndexes(cache, table, []);
}

/**
 * DROP TABLE, with its hashes, a copy of it that was coming in, and what was kept for
 * that. An application's views on it stay; where the table stands aside, they say
 * `name` again, which has to be free.
 */
export function dropTable(cache: Cache, table: CacheTable, name = table.table): Lost[] {
  const watch = new Watch(cache);
  const gone = foreignObjects(cache, table.table, presentIndexes(cache, table)).map(({ kind, name }): Lost => ({ kind, name, reason: 'its table was dropped' }));
  const moved = moveTable(cache, table.table, name);
  removeTable(cache, { ...table, table: name });
  return [...gone, ...moved, ...watch.losses()];
}

/**
 * Makes of the table `before` the table `after`, of the same oid. Names change, and
 * columns are added, without touching the rows; all else copies them. Writes nothing to
 * `_daystream_tables`. Throws AlterFailed where the rows do not fit the new key or the
 * new name is taken: then the caller rolls back.
 */
export function alterTable(cache: Cache, before: CacheTable, after: CacheTable, values: AlterValues): Lost[] {
  const watch = new Watch(cache);
  const own = presentIndexes(cache, before);
  const moved = moveTable(cache, before.table, after.table);
  const { names, lost } = followColumns(cache, after.table, before, after);
  const additions = additionsOf(cache, before, after, names, values);
  const rebuilt = additions === undefined ? rebuild(cache, after, names, own, values) : [];
  for (const column of additions ?? []) cache.exec(`ALTER TABLE main.${quote(after.table)} ADD COLUMN ${column}`);
  if (additions !== undefined) makeIndexes(cache, after, own);
  // Hashes are of whole rows.
  if (additions === undefined || additions.length > 0) dropHashes(cache, before);
  return [...moved, ...lost, ...rebuilt, ...watch.losses(after.table)];
}

/** Renames a table; its indexes keep their names. Throws AlterFailed where the name is taken. */
export function renameTable(cache: Cache, from: string, to: string): Lost[] {
  const watch = new Watch(cache);
  return [...moveTable(cache, from, to), ...watch.losses(to)];
}

/**
 * Puts the filled table `shadow.table`, which has the columns of `table`, in the place of
 * the table `before` (undefined: there is none), under `table.table`, which the shadow
 * may have already while `before` stands aside. Throws AlterFailed where another has it.
 */
export function swapTable(cache: Cache, before: CacheTable | undefined, shadow: CacheTable, table: CacheTable): Lost[] {
  const watch = new Watch(cache);
  const lost: Lost[] = [];
  const own = before === undefined ? [] : presentIndexes(cache, before);
  const from = shadow.table === table.table ? MEANWHILE : shadow.table;
  if (from === MEANWHILE) lost.push(...placeTable(cache, shadow.table, from));
  if (before === undefined) {
    requireFree(cache, table.table);
  } else {
    lost.push(...moveTable(cache, before.table, table.table));
    if (before.oid === table.oid) lost.push(...followColumns(cache, table.table, before, table).lost);
    else dropCopy(cache, before.oid);
    dropHashes(cache, before);
  }
  lost.push(...replaceTable(cache, from, table, own));
  return [...lost, ...watch.losses(table.table)];
}

/** The definitions of the columns to add, where that is all there is to do besides; undefined where the rows have to be copied. */
function additionsOf(cache: Cache, before: CacheTable, after: CacheTable, names: ReadonlyMap<number, string>, { missing, convert }: AlterValues): string[] | undefined {
  const held = heldColumns(after);
  const old = heldColumns(before);
  const stays = ({ attnum, type, numeric }: HeldColumn) => held.some((column) => column.attnum === attnum && column.as === names.get(attnum)
    && affinityOf(column.type, column.numeric) === affinityOf(type, numeric) && !convert.has(attnum));
  if (before.key.join() !== after.key.join() || !old.every(stays)) return undefined;
  // Columns stand in the order of their numbers, and ADD COLUMN adds at the end.
  const added = held.slice(old.length);
  if (added.some(({ attnum }) => names.has(attnum))) return undefined;
  const definitions = added.map(({ attnum, as, type, numeric }) => {
    const definition = `${quote(as)} ${affinityOf(type, numeric)}`;
    const value = missing.get(attnum) ?? null;
    if (value === null) return definition;
    const literal = literalOf(cache, value);
    return literal === undefined ? undefined : `${definition} DEFAULT ${literal}`;
  });
  return definitions.every((definition) => definition !== undefined) ? definitions : undefined;
}
