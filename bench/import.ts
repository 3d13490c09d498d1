/** deltaimport against the shortest way there is: COPY into sqlite3's .import. */
import { execFileSync } from 'node:child_process';
import { TABLE } from './flights.js';
import type { Figure } from './figure.js';
import { interleave, ratios, type Side } from './interleave.js';
import { follow, importCache, unfollow, type Followed } from './pipeline.js';
import type { Workbench } from './workbench.js';

const LIMIT_OF_SQLITE3 = 0.6;
const OURS = 'deltaimport';
const THEIRS = 'psql to sqlite3 .import';

/** As deltaimport fills a file: no journal, no syncs. */
const SQLITE_COMMANDS = [
  'PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -65536;',
  `CREATE TABLE ${TABLE} (id INTEGER PRIMARY KEY, altitude INTEGER, icao INTEGER, fuel TEXT, callsign TEXT, route TEXT, seen TEXT, on_ground INTEGER, lat REAL, lon REAL, squawk TEXT, day TEXT);`,
  '.mode tabs',
  `.import /dev/stdin ${TABLE}`,
];

export async function firstCopy(bench: Workbench): Promise<Figure[]> {
  const followed = await follow(bench, 'import');
  const peaks: number[] = [];
  const sides: Side[] = [{ name: OURS, measure: () => ours(bench, followed, peaks) }];
  if (hasSqlite()) sides.push({ name: THEIRS, measure: () => theirs(bench) });
  else bench.tell('sqlite3 is not installed: there is nothing to compare with');
  const seconds = await interleave(sides, bench.sizes.runs, bench.tell);
  await unfollow(bench, followed);
  const figures: Figure[] = [...seconds].map(([what, values]) => ({ benchmark: 'import', what, unit: 's', values }));
  figures.push({ benchmark: 'import', what: OURS, unit: 'rows/s', values: seconds.get(OURS)!.map((taken) => bench.sizes.rows / taken) });
  if (seconds.has(THEIRS)) figures.push({ benchmark: 'import', what: `${OURS} / ${THEIRS}`, unit: '×', values: ratios(seconds, OURS, THEIRS), requirement: { kind: 'at most', limit: LIMIT_OF_SQLITE3 } });
  return [...figures, { benchmark: 'import', what: `${OURS}, peak memory`, unit: 'MB', values: peaks }];
}

async function ours(bench: Workbench, followed: Followed, peaks: number[]): Promise<number> {
  bench.settle();
  const { seconds, peakBytes } = await importCache(bench, followed);
  peaks.push(peakBytes / 1e6);
  return seconds;
}

async function theirs(bench: Workbench): Promise<number> {
  const file = bench.path('sqlite.db');
  const commands = SQLITE_COMMANDS.map((command) => `-cmd "${command}"`).join(' ');
  bench.settle();
  const { seconds } = await bench.program('sh', ['-c', `psql -qAt -c 'copy ${TABLE} to stdout' | sqlite3 -batch ${commands} ${file} 'SELECT 1'`], 'import').ended;
  const rows = Number(execFileSync('sqlite3', [file, `SELECT count(*) FROM ${TABLE}`], { encoding: 'utf8' }));
  if (rows !== bench.sizes.rows) throw new Error(`sqlite3 .import made ${rows} rows of ${bench.sizes.rows}`);
  return seconds;
}

function hasSqlite(): boolean {
  try {
    execFileSync('sqlite3', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
