/**
 * Tables of a draft take their place in a cache that is there, in one transaction: a
 * reader sees the old table or the new one. Nothing else of the cache changes.
 */
import { quote } from './names.js';
import { guarded, openCache, type Cache } from './open.js';
import { createHashes, indexHashes, rowIndexName, wantsRowIndex } from './row-index.js';
import { rowid } from './rows.js';
import { createIndexSql, createTableSql, type CacheIndex } from './schema.js';
import { heldColumns, readTables, writeTable, type CacheTable } from './tables.js';

export interface JoiningTable {
  readonly table: CacheTable;
  readonly indexes: readonly CacheIndex[];
}

/** The caller holds the cache's lock. */
export function joinTables(path: string, draft: string, tables: readonly JoiningTable[]): void {
  const cache = openCache(path);
  try {
    guarded(path, () => {
      cache.prepare('ATTACH ? AS draft').run(draft);
      cache.transaction(() => {
        const present = readTables(cache);
        for (const one of tables) joinTable(cache, present, one);
      }).immediate();
      cache.exec('DETACH draft');
    });
  } finally {
    cache.close();
  }
}

function joinTable(cache: Cache, present: readonly CacheTable[], { table, indexes }: JoiningTable): void {
  for (const before of present) {
    const isSame = before.schema === table.schema && before.name === table.name;
    // A table that was renamed in Postgres stands under its old name.
    if (isSame || before.oid === table.oid) dropTable(cache, before);
  }
  cache.exec(createTableSql(table));
  const hasRowid = table.key.length === 0;
  const columns = [...(hasRowid ? [rowid(table)] : []), ...heldColumns(table).map(({ as }) => quote(as))].join(', ');
  cache.exec(`INSERT INTO main.${quote(table.table)} (${columns}) SELECT ${columns} FROM draft.${quote(table.table)}`);
  if (wantsRowIndex(table)) {
    createHashes(cache, table);
    cache.exec(`INSERT INTO main.${rowIndexName(table)} SELECT * FROM draft.${rowIndexName(table)}`);
    indexHashes(cache, table);
  }
  for (const index of indexes) cache.exec(createIndexSql(table, index));
  writeTable(cache, table);
}

function dropTable(cache: Cache, table: CacheTable): void {
  cache.exec(`DROP TABLE IF EXISTS main.${quote(table.table)}`);
  cache.exec(`DROP TABLE IF EXISTS main.${rowIndexName(table)}`);
  cache.prepare('DELETE FROM _daystream_tables WHERE schema = ? AND name = ?').run(table.schema, table.name);
}
