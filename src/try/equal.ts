/**
 * The proof: the cache that followed against one that was copied at the end, both at the same place
 * of the log. Every value of every row, as SQLite holds it.
 */
import { attachOld, differences } from '../sqlite/differences.js';
import { quote } from '../sqlite/names.js';
import { openReader, type Cache } from '../sqlite/open.js';
import { heldColumns, readTables, type CacheTable } from '../sqlite/tables.js';

/** More are counted by nobody. */
const DIFFERENCES_LIMIT = 1000;

export interface Compared {
  readonly schema: string;
  readonly table: string;
  readonly rows: number;
  /** Rows that differ, counted up to a limit. */
  readonly differences: number;
  /** Why it was not compared; undefined where it was. */
  readonly not: string | undefined;
}

/** Neither file is written meanwhile. */
export function compareCaches(followed: string, copied: string): Compared[] {
  const cache = openReader(copied);
  const before = openReader(followed);
  try {
    attachOld(cache, followed);
    const tables = new Map(readTables(cache).map((table) => [table.oid, table]));
    return readTables(before).map((table) => compareTable(cache, table, tables.get(table.oid)));
  } finally {
    before.close();
    cache.close();
  }
}

function compareTable(cache: Cache, followed: CacheTable, copied: CacheTable | undefined): Compared {
  const { schema, name: table } = followed;
  const not = whyNot(followed) ?? (copied === undefined ? 'it is not in the second copy' : whyNot(copied));
  if (not !== undefined || copied === undefined) return { schema, table, rows: 0, differences: 0, not };
  const rows = cache.prepare<[], { n: number }>(`SELECT count(*) AS n FROM main.${quote(copied.table)}`).get()?.n ?? 0;
  if (shapeOf(followed) !== shapeOf(copied)) return { schema, table, rows, differences: Math.max(1, rows), not: undefined };
  let found = 0;
  for (const _ of differences(cache, copied, followed)) if (++found === DIFFERENCES_LIMIT) break;
  return { schema, table, rows, differences: found, not: undefined };
}

function whyNot({ quarantine, waiting }: CacheTable): string | undefined {
  return quarantine?.reason ?? waiting?.reason;
}

function shapeOf(table: CacheTable): string {
  return JSON.stringify([table.key, heldColumns(table).map(({ attnum, name, as, type }) => [attnum, name, as, type])]);
}
