/**
 * Tables of a draft take their place in a cache that is there, in one transaction: a
 * reader sees the old table or the new one. Nothing else of the cache changes.
 */
import { importCommand } from './cure.js';
import { quote, tableKey } from './names.js';
import { guarded, openCache, type Cache } from './open.js';
import { writePatterns, type ChosenPattern } from './patterns.js';
import { readPosition } from './position.js';
import { createHashes, indexHashes, rowIndexName, wantsRowIndex } from './row-index.js';
import { rowid } from './rows.js';
import { createIndexSql, createTableSql } from './schema.js';
import { heldColumns, readTables, writeTable, type CacheTable } from './tables.js';

/** The caller holds the cache's lock. `patterns`: those that chose the tables. */
export function joinTables(path: string, draft: string, tables: readonly CacheTable[], patterns: readonly ChosenPattern[]): void {
  const cache = openCache(path);
  try {
    guarded(path, () => {
      cache.prepare('ATTACH ? AS draft').run(draft);
      cache.transaction(() => {
        makeRoom(cache, tables);
        for (const table of tables) joinTable(cache, table);
        writePatterns(cache, patterns);
      }).immediate();
      cache.exec('DETACH draft');
    });
  } finally {
    cache.close();
  }
}

/** Removes what the tables replace: those of the same name or else, renamed in Postgres, of the same oid. */
function makeRoom(cache: Cache, tables: readonly CacheTable[]): void {
  const byOid = new Map(tables.map((table) => [table.oid, table]));
  const names = new Set(tables.map(({ schema, name }) => tableKey(schema, name)));
  const present = readTables(cache);
  const presentNames = new Set(present.map(({ schema, name }) => tableKey(schema, name)));
  for (const before of present) {
    const now = byOid.get(before.oid);
    if (names.has(tableKey(before.schema, before.name))) dropTable(cache, before);
    else if (now !== undefined && !presentNames.has(tableKey(now.schema, now.name))) dropTable(cache, before);
    else if (now !== undefined) giveUp(cache, before, now);
  }
}

/** A table whose name in Postgres is that of another one of ours by now. */
function giveUp(cache: Cache, before: CacheTable, now: CacheTable): void {
  cache.exec(`DROP TABLE IF EXISTS main.${rowIndexName(before)}`);
  if (before.quarantine !== undefined) return;
  const { position } = readPosition(cache)!;
  writeTable(cache, { ...before, joining: undefined, quarantine: { reason: `it was renamed to ${now.schema}.${now.name}`, cure: importCommand(cache.name, before.schema, before.name), position } });
}

function joinTable(cache: Cache, table: CacheTable): void {
  cache.exec(createTableSql(table));
  const hasRowid = table.key.length === 0;
  const columns = [...(hasRowid ? [rowid(table)] : []), ...heldColumns(table).map(({ as }) => quote(as))].join(', ');
  cache.exec(`INSERT INTO main.${quote(table.table)} (${columns}) SELECT ${columns} FROM draft.${quote(table.table)}`);
  if (wantsRowIndex(table)) {
    createHashes(cache, table);
    cache.exec(`INSERT INTO main.${rowIndexName(table)} SELECT * FROM draft.${rowIndexName(table)}`);
    indexHashes(cache, table);
  }
  for (const index of table.indexes ?? []) cache.exec(createIndexSql(table, index));
  writeTable(cache, table);
}

function dropTable(cache: Cache, table: CacheTable): void {
  cache.exec(`DROP TABLE IF EXISTS main.${quote(table.table)}`);
  cache.exec(`DROP TABLE IF EXISTS main.${rowIndexName(table)}`);
  cache.prepare('DELETE FROM _daystream_tables WHERE schema = ? AND name = ?').run(table.schema, table.name);
}
