/**
 * A copy of a table that comes in through the log (docs/format.md, "Copy"): its rows
 * gather in a table beside, and what the log says of the table meanwhile is kept, line
 * by line, to be applied behind them.
 */
import { quote } from './names.js';
import type { Cache } from './open.js';

export const KEPT_DDL = `CREATE TABLE _daystream_kept (
  oid INTEGER NOT NULL,
  line TEXT NOT NULL
)`;

/** The table in which the copy of a table gathers. */
export function copyName(oid: number): string {
  return `_daystream_copy_${oid}`;
}

/** Removes what has come in of a copy, and what was kept for it. */
export function dropCopy(cache: Cache, oid: number): void {
  cache.exec(`DROP TABLE IF EXISTS main.${quote(copyName(oid))}`);
  dropKept(cache, oid);
}

export function dropKept(cache: Cache, oid: number): void {
  cache.prepare('DELETE FROM _daystream_kept WHERE oid = ?').run(oid);
}

/** Keeps lines of a table, each without its position and line feed. */
export function lineKeeper(cache: Cache, oid: number): (line: string) => void {
  const insert = cache.prepare('INSERT INTO _daystream_kept (oid, line) VALUES (?, ?)');
  return (line) => { insert.run(oid, line); };
}

const LINES_AT_ONCE = 1000;

/** The lines that were kept for a table, in their order. In batches, since who applies them writes meanwhile. */
export function* keptLines(cache: Cache, oid: number): Generator<readonly string[]> {
  const select = cache.prepare<[number, number], { rowid: number; line: string }>(`SELECT rowid, line FROM _daystream_kept WHERE oid = ? AND rowid > ? ORDER BY rowid LIMIT ${LINES_AT_ONCE}`);
  for (let after = 0; ;) {
    const rows = select.all(oid, after);
    if (rows.length === 0) return;
    yield rows.map(({ line }) => line);
    after = rows[rows.length - 1].rowid;
  }
}
