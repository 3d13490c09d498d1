/** A new host: from a published snapshot and the day of log behind it, against an import from Postgres. Both end where the log ends. */
import { statSync } from 'node:fs';
import { TABLE } from './flights.js';
import type { Figure } from './figure.js';
import { interleave, ratios } from './interleave.js';
import { cacheHolds, follow, importCache, unfollow, type Followed } from './pipeline.js';
import type { Workbench } from './workbench.js';

const SNAPSHOT = 'published snapshot and a day of log';
const IMPORT = 'import from Postgres';
/** Ten a second, for a day, at full size. */
const TRANSACTIONS_A_ROW = 0.864;

interface Parts { readonly begin: number[]; readonly replay: number[]; readonly peaks: number[] }

export async function bootstrap(bench: Workbench): Promise<Figure[]> {
  const followed = await follow(bench, 'bootstrap');
  const { cache } = await importCache(bench, followed);
  await bench.own('deltamirror', ['--once', cache]).ended;
  bench.settle();
  const publish = bench.own('deltamirror', ['publish', cache, '--to', followed.log, '--json']);
  const published = await publish.ended;
  const { path } = JSON.parse(publish.stdout) as { path: string };
  bench.tell(`published in ${published.seconds.toFixed(2)} s, ${(statSync(path).size / 1e6).toFixed(0)} MB; writing a day of log`);
  await writeDay(bench, followed, cache);
  const parts: Parts = { begin: [], replay: [], peaks: [] };
  const seconds = await interleave([
    { name: SNAPSHOT, measure: () => fromSnapshot(bench, followed, parts) },
    { name: IMPORT, measure: () => fromPostgres(bench, followed) },
  ], bench.sizes.runs, bench.tell);
  await unfollow(bench, followed);
  const figure = (what: string, unit: Figure['unit'], values: readonly number[]): Figure => ({ benchmark: 'bootstrap', what, unit, values });
  return [
    figure('deltamirror publish', 's', [published.seconds]),
    figure('deltamirror publish, peak memory', 'MB', [published.peakBytes / 1e6]),
    figure('the snapshot, compressed', 'MB', [statSync(path).size / 1e6]),
    ...[...seconds].map(([what, values]) => figure(`new host: ${what}`, 's', values)),
    figure(`${SNAPSHOT}: deltaimport --bootstrap`, 's', parts.begin),
    figure(`${SNAPSHOT}: replay`, 's', parts.replay),
    figure('deltaimport --bootstrap, peak memory', 'MB', parts.peaks),
    figure(`${SNAPSHOT} / ${IMPORT}`, '×', ratios(seconds, SNAPSHOT, IMPORT)),
  ];
}

/** Updates of one row each, and a mirror that has seen them all, so that the log has them. */
async function writeDay(bench: Workbench, { database }: Followed, cache: string): Promise<void> {
  const transactions = Math.ceil(bench.sizes.rows * TRANSACTIONS_A_ROW);
  const mirror = bench.own('deltamirror', [cache]);
  await bench.withClient(database, async (client) => {
    await client.query('set synchronous_commit = off');
    await client.query(`do $$ begin for t in 1 .. ${transactions} loop
      update ${TABLE} set altitude = altitude + 1, seen = seen + interval '1 second' where id = t * 7919::bigint % ${bench.sizes.rows} + 1;
      commit; end loop; end $$`);
    const { rows: [{ lsn }] } = await client.query<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
    await client.query(`set synchronous_commit = on; update ${TABLE} set altitude = 0 where id = 1`);
    await cacheHolds(cache, lsn, mirror);
  });
  await mirror.stop();
}

async function fromSnapshot(bench: Workbench, { log }: Followed, parts: Parts): Promise<number> {
  bench.settle();
  const cache = bench.path('cache.db');
  const begin = await bench.own('import', ['--bootstrap', '--source', log, cache]).ended;
  const replay = await bench.own('deltamirror', ['--once', cache]).ended;
  parts.begin.push(begin.seconds);
  parts.replay.push(replay.seconds);
  parts.peaks.push(begin.peakBytes / 1e6);
  return begin.seconds + replay.seconds;
}

async function fromPostgres(bench: Workbench, followed: Followed): Promise<number> {
  bench.settle();
  const { cache, seconds } = await importCache(bench, followed);
  return seconds + (await bench.own('deltamirror', ['--once', cache]).ended).seconds;
}
