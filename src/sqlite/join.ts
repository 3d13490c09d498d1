/**
 * Tables of a draft take their place in a cache that is there, in one transaction: a
 * reader sees the old table or the new one. Nothing else of the cache changes; what an
 * application has made on a table is made on the new one.
 */
import { foreignObjects, removeTable } from './drop.js';
import { followColumns } from './follow.js';
import type { Lost } from './lost.js';
import { quote, tableKey } from './names.js';
import { isTaken, putBack, type SchemaObject } from './objects.js';
import type { Cache } from './open.js';
import { makeIndexes, presentIndexes } from './own-indexes.js';
import { writePatterns, type ChosenPattern } from './patterns.js';
import { moveTable } from './rename.js';
import { createHashes, indexHashes, rowIndexName } from './row-index.js';
import { rowid } from './rows.js';
import { createTableSql } from './schema.js';
import { deleteTable, heldColumns, readTables, writeTable, type CacheTable } from './tables.js';
import { withDraft } from './with-draft.js';

/** The caller holds the cache's lock. `patterns`: those that chose the tables. Gives what of an application's objects could not be kept. */
export function joinTables(path: string, draft: string, tables: readonly CacheTable[], patterns: readonly ChosenPattern[]): Lost[] {
  return withDraft(path, draft, (cache, lost) => {
    const objects = makeRoom(cache, tables, lost);
    for (const table of tables) lost.push(...joinTable(cache, table, objects.get(table) ?? []));
    writePatterns(cache, patterns);
    cache.exec('UPDATE main._daystream_position SET imported_at_us = (SELECT imported_at_us FROM draft._daystream_position)');
  });
}

/** Removes what the tables replace: those of the same oid, or of the same name. Gives what an application had made on them, by the new table. */
export function makeRoom(cache: Cache, tables: readonly CacheTable[], lost: Lost[]): Map<CacheTable, SchemaObject[]> {
  const byOid = new Map(tables.map((table) => [table.oid, table]));
  const byName = new Map(tables.map((table) => [tableKey(table.schema, table.name), table]));
  const objects = new Map<CacheTable, SchemaObject[]>();
  const stay: [CacheTable, CacheTable][] = [];
  const move: [CacheTable, CacheTable][] = [];
  for (const before of readTables(cache)) {
    const heir = byOid.get(before.oid) ?? byName.get(tableKey(before.schema, before.name));
    if (heir === undefined) continue;
    deleteTable(cache, before);
    // Of one that waits for its first copy there is no table.
    if (!isTaken(cache, before.table)) removeTable(cache, before);
    else (before.table === heir.table ? stay : move).push([before, heir]);
  }
  // Two may have each other's name by now, so all step aside first.
  for (const [{ oid, table }] of move) lost.push(...moveTable(cache, table, asideName(oid)));
  for (const [before, heir] of stay) objects.set(heir, takeOut(cache, before, heir, lost));
  for (const [before, heir] of move) {
    const aside = { ...before, table: asideName(before.oid) };
    objects.set(heir, [...(objects.get(heir) ?? []), ...takeOut(cache, aside, heir, lost)]);
  }
  return objects;
}

function asideName(oid: number): string {
  return `_daystream_aside_${oid}`;
}

function takeOut(cache: Cache, before: CacheTable, heir: CacheTable, lost: Lost[]): SchemaObject[] {
  const own = presentIndexes(cache, before);
  // It may be that of an index which goes later.
  const table = isTaken(cache, heir.table) ? before.table : heir.table;
  lost.push(...moveTable(cache, before.table, table));
  if (before.oid === heir.oid) lost.push(...followColumns(cache, table, before, heir).lost);
  const objects = foreignObjects(cache, table, own);
  removeTable(cache, { ...before, table });
  return objects;
}

/** Makes the table of the draft in the cache, with what an application had made on the one before. */
export function joinTable(cache: Cache, table: CacheTable, objects: readonly SchemaObject[]): Lost[] {
  cache.exec(createTableSql(table));
  const hasRowid = table.key.length === 0;
  const columns = [...(hasRowid ? [rowid(table)] : []), ...heldColumns(table).map(({ as }) => quote(as))].join(', ');
  cache.exec(`INSERT INTO main.${quote(table.table)} (${columns}) SELECT ${columns} FROM draft.${quote(table.table)}`);
  if (isInDraft(cache, rowIndexName(table))) {
    createHashes(cache, table);
    cache.exec(`INSERT INTO main.${rowIndexName(table)} SELECT * FROM draft.${rowIndexName(table)}`);
    indexHashes(cache, table);
  }
  const lost = putBack(cache, objects);
  makeIndexes(cache, table, []);
  writeTable(cache, table);
  return lost;
}

export function isInDraft(cache: Cache, table: string): boolean {
  return cache.prepare("SELECT 1 FROM draft.sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE").get(table) !== undefined;
}
