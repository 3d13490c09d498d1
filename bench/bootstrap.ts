/** A new host: from a published snapshot and the log behind it, a day or an hour, against an import from Postgres. All end where the log ends. */
import { TABLE } from './flights.js';
import type { Figure } from './figure.js';
import { interleave } from './interleave.js';
import { cacheHolds, follow, importCache, unfollow, type Followed } from './pipeline.js';
import type { Workbench } from './workbench.js';

const DAY = 'published snapshot and a day of log';
const HOUR = 'published snapshot and an hour of log';
const IMPORT = 'import from Postgres';
/** Ten a second, at full size. */
const TRANSACTIONS_A_ROW = { day: 0.864, hour: 0.036 };

interface Parts { readonly begin: number[]; readonly replay: number[]; readonly peaks: number[] }

export async function bootstrap(bench: Workbench): Promise<Figure[]> {
  const followed = await follow(bench, 'bootstrap');
  const { cache } = await importCache(bench, followed);
  await bench.own('deltamirror', ['--once', cache]).ended;
  const published = [await publish(bench, followed, cache)];
  await write(bench, followed, cache, 'day');
  const [day, hour]: Parts[] = [{ begin: [], replay: [], peaks: [] }, { begin: [], replay: [], peaks: [] }];
  const seconds = await interleave([
    { name: DAY, measure: () => fromSnapshot(bench, followed, day) },
    { name: IMPORT, measure: () => fromPostgres(bench, followed) },
  ], bench.sizes.runs, bench.tell);
  published.push(await publish(bench, followed, cache));
  await write(bench, followed, cache, 'hour');
  for (const [what, values] of await interleave([{ name: HOUR, measure: () => fromSnapshot(bench, followed, hour) }], bench.sizes.runs, bench.tell)) seconds.set(what, values);
  await unfollow(bench, followed);
  const figure = (what: string, unit: Figure['unit'], values: readonly number[]): Figure => ({ benchmark: 'bootstrap', what, unit, values });
  return [
    figure('deltamirror publish', 's', published.map((each) => each.seconds)),
    figure('deltamirror publish, peak memory', 'MB', published.map((each) => each.peakBytes / 1e6)),
    figure('the snapshot, compressed', 'MB', published.map((each) => each.bytes / 1e6)),
    ...[...seconds].map(([what, values]) => figure(`new host: ${what}`, 's', values)),
    figure('deltaimport --bootstrap', 's', [...day.begin, ...hour.begin]),
    figure('deltaimport --bootstrap, peak memory', 'MB', [...day.peaks, ...hour.peaks]),
    figure('replay of a day', 's', day.replay),
    figure('replay of an hour', 's', hour.replay),
  ];
}

async function publish(bench: Workbench, { log }: Followed, cache: string): Promise<{ seconds: number; peakBytes: number; bytes: number }> {
  bench.settle();
  const program = bench.own('deltamirror', ['publish', cache, '--to', log, '--json']);
  const { seconds, peakBytes } = await program.ended;
  const { bytes } = JSON.parse(program.stdout) as { bytes: number };
  bench.tell(`published in ${seconds.toFixed(2)} s, ${(bytes / 1e6).toFixed(0)} MB`);
  return { seconds, peakBytes, bytes };
}

/** Updates of one row each, and a mirror that has seen them all, so that the log has them. */
async function write(bench: Workbench, { database }: Followed, cache: string, time: keyof typeof TRANSACTIONS_A_ROW): Promise<void> {
  const transactions = Math.ceil(bench.sizes.rows * TRANSACTIONS_A_ROW[time]);
  bench.tell(`writing the log of ${time === 'day' ? 'a day' : 'an hour'}: ${transactions} transactions`);
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
