/** Removing a mirrored table, and what belongs to it. */
import { dropCopy } from './copies.js';
import { quote } from './names.js';
import { indexesAndTriggers, type SchemaObject } from './objects.js';
import type { Cache } from './open.js';
import { rowIndexName } from './row-index.js';
import type { CacheIndex, CacheTable } from './tables.js';

/** Removes a table with its hashes, a copy of it that was coming in, and what was kept for that. */
export function removeTable(cache: Cache, table: CacheTable): void {
  cache.exec(`DROP TABLE IF EXISTS main.${quote(table.table)}`);
  dropHashes(cache, table);
  dropCopy(cache, table.oid);
}

/** They are made anew when they are asked for. */
export function dropHashes(cache: Cache, table: CacheTable): void {
  cache.exec(`DROP TABLE IF EXISTS main.${rowIndexName(table)}`);
}

/** What an application has made on a table: indexes other than our `own`, and triggers. */
export function foreignObjects(cache: Cache, table: string, own: readonly CacheIndex[]): SchemaObject[] {
  const names = new Set(own.map(({ name }) => name));
  return indexesAndTriggers(cache, table).filter(({ kind, name }) => kind !== 'index' || !names.has(name));
}
