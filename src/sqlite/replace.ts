/**
 * All mirrored tables of a cache become those of a draft, in one transaction: a reader
 * sees the old cache or the new one, under the same path, and what an application has
 * made in the cache stays.
 */
import type { Position } from '../daystream/position.js';
import { dropTable } from './alter.js';
import { copyName } from './copies.js';
import { importCommand } from './cure.js';
import { isInDraft, joinTable, makeRoom } from './join.js';
import type { Lost } from './lost.js';
import { droppedName, tableKey, unheldName } from './names.js';
import { isTaken } from './objects.js';
import type { Cache } from './open.js';
import { keepChoice, writePatterns, type ChosenPattern } from './patterns.js';
import { moveTable } from './rename.js';
import { createTableSql } from './schema.js';
import { deleteTable, DROPPED, readTables, writeTable, type CacheTable } from './tables.js';
import { withDraft } from './with-draft.js';

export interface Replacement {
  /** Where the cache comes to stand, as the draft does. */
  readonly at: Position;
  /** Those of the draft. */
  readonly tables: readonly CacheTable[];
  /** The host asks for these too from now on. */
  readonly patterns: readonly ChosenPattern[];
  /** Tables that are no more: what was chosen of them holds for the next ones of their names. */
  readonly ended: readonly CacheTable[];
}

/** The caller holds the cache's lock. Gives what of an application's objects could not be kept. Throws DeltaError; the cache is then as it was. */
export function replaceTables(path: string, draft: string, { at, tables, patterns, ended }: Replacement): Lost[] {
  return withDraft(path, draft, (cache, lost) => {
    const kept = leaveDropped(cache, tables, lost);
    const objects = makeRoom(cache, tables, lost);
    for (const gone of readTables(cache).filter(({ oid }) => !kept.has(oid))) {
      deleteTable(cache, gone);
      lost.push(...dropTable(cache, gone));
    }
    cache.exec('DELETE FROM main._daystream_kept');
    for (const table of tables) lost.push(...takeIn(cache, table, objects.get(table) ?? [], at));
    writePatterns(cache, patterns);
    for (const table of ended) keepChoice(cache, table);
    cache.exec('INSERT OR REPLACE INTO main._daystream_position SELECT * FROM draft._daystream_position');
  });
}

/** Dropped tables whose rows the host keeps stay; one whose name another one has now is an ordinary table from here on. Gives the oids of those that stay. */
function leaveDropped(cache: Cache, tables: readonly CacheTable[], lost: Lost[]): Set<number> {
  const names = new Set(tables.map(({ schema, name }) => tableKey(schema, name)));
  const dropped = readTables(cache).filter(({ quarantine }) => quarantine?.reason === DROPPED);
  for (const table of dropped.filter(({ schema, name }) => names.has(tableKey(schema, name)))) {
    deleteTable(cache, table);
    if (isTaken(cache, table.table)) lost.push(...moveTable(cache, table.table, droppedName(table)));
  }
  return new Set(dropped.map(({ oid }) => oid));
}

function takeIn(cache: Cache, table: CacheTable, objects: Parameters<typeof joinTable>[2], at: Position): Lost[] {
  const { oid, waiting } = table;
  // A copy that was coming in goes on where it was.
  if (waiting?.copy !== undefined) {
    const copy: CacheTable = { ...waiting.copy.table, table: copyName(oid) };
    cache.exec(createTableSql(copy));
    cache.exec(`INSERT INTO main.${copyName(oid)} SELECT * FROM draft.${copyName(oid)}`);
    cache.prepare('INSERT INTO main._daystream_kept SELECT oid, line FROM draft._daystream_kept WHERE oid = ? ORDER BY rowid').run(oid);
  }
  if (isInDraft(cache, table.table)) return isTaken(cache, table.table) ? leaveOut(cache, table, at) : joinTable(cache, table, objects);
  writeTable(cache, table);
  return objects.map(({ kind, name }): Lost => ({ kind, name, reason: 'its table waits for its first copy' }));
}

/** What the application has under a table's name stays: it is the table that goes without rows, as it would have when it came through the log. */
function leaveOut(cache: Cache, table: CacheTable, position: Position): Lost[] {
  const { joining: _, waiting: __, ...plain } = table;
  const reason = `the cache has something else under the name ${table.table}`;
  writeTable(cache, { ...plain, table: unheldName(table), quarantine: { reason, cure: importCommand(cache.name, table.schema, table.name), position } });
  return [];
}
