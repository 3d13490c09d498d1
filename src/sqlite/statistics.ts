/** ANALYZE's figures, which SQLite keeps by name: where they are missing or another table's, queries are planned badly. */
import { quote } from './names.js';
import type { Cache } from './open.js';

/** Rows that ANALYZE looks at in each index: an estimate is enough for the planner. */
export const ANALYSIS_LIMIT_ROWS = 1000;

/** The figures follow a table to its new name. */
export function moveStatistics(cache: Cache, from: string, to: string): void {
  for (const name of tablesOfFigures(cache)) cache.prepare(`UPDATE main.${name} SET tbl = ? WHERE tbl = ?`).run(to, from);
}

/** Takes the figures of a table that was made anew, in a cache that has any. */
export function renewStatistics(cache: Cache, table: string): void {
  if (tablesOfFigures(cache).length === 0) return;
  const limit = cache.pragma('analysis_limit', { simple: true });
  cache.pragma(`analysis_limit = ${ANALYSIS_LIMIT_ROWS}`);
  cache.exec(`ANALYZE main.${quote(table)}`);
  cache.pragma(`analysis_limit = ${limit}`);
}

function tablesOfFigures(cache: Cache): string[] {
  return cache.prepare<[], string>("SELECT name FROM main.sqlite_schema WHERE name IN ('sqlite_stat1', 'sqlite_stat4')").pluck().all();
}
