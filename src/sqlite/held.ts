/** `_daystream_wal`: since when readers have kept the WAL from being used again, for whoever asks how the cache is. Made when there is something to say. */
import type { Cache } from './open.js';

const DDL = 'CREATE TABLE IF NOT EXISTS main._daystream_wal (one INTEGER PRIMARY KEY CHECK (one = 1), held_since_us INTEGER)';

/** µs since 1970 UTC; undefined where nobody keeps it. */
export function readHeldSince(cache: Cache): number | undefined {
  const isThere = cache.prepare("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = '_daystream_wal'").get() !== undefined;
  return isThere ? cache.prepare<[], number | null>('SELECT held_since_us FROM main._daystream_wal').pluck().get() ?? undefined : undefined;
}

export function writeHeldSince(cache: Cache, us: number | undefined): void {
  cache.transaction(() => {
    cache.exec(DDL);
    cache.prepare('INSERT OR REPLACE INTO main._daystream_wal VALUES (1, ?)').run(us ?? null);
  })();
}
