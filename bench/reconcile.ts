/** A slot that was lost, and 1,000 rows that changed meanwhile: how many lines bring every host on, and how long it takes to find them; and until a mirror has them. */
import type { Figure } from './figure.js';
import { TABLE } from './flights.js';
import { cacheHolds, follow, importCache } from './pipeline.js';
import type { Workbench } from './workbench.js';

const CHANGED_ROWS = 1_000;
const LINES_BELOW = 1_100;

interface Found { readonly rows: number; readonly seconds: number }

export async function reconcile(bench: Workbench): Promise<Figure[]> {
  const changed = Math.min(CHANGED_ROWS, bench.sizes.rows / 10);
  const runs: { readonly lines: number; readonly seconds: number; readonly megabytes: number; readonly mirror: number }[] = [];
  for (let run = 0; run < bench.sizes.runs; run++) {
    const followed = await follow(bench, `reconcile_${run}`);
    const { database, log, deltastream } = followed;
    const { cache } = await importCache(bench, followed);
    await comeTogether(bench, database, cache);
    await deltastream.stop();
    await bench.server.query(`select pg_drop_replication_slot('${database}')`);
    await bench.withClient(database, (client) => client.query(`
      update ${TABLE} set altitude = altitude + 1 where id % ${bench.sizes.rows / changed} = 0 and id % 3 > 0;
      delete from ${TABLE} where id % ${bench.sizes.rows / changed} = 0 and id % 3 = 0;`));
    const program = bench.own('deltastream', ['reconcile', '--slot', database, '--out', log, '--cache', cache, '--pg', bench.server.url(database), '--json']);
    const { seconds, peakBytes } = await program.ended;
    const { rows } = JSON.parse(program.stdout) as Found;
    const mirror = await bench.own('deltamirror', ['--once', cache]).ended;
    await bench.server.query(`select pg_drop_replication_slot('${database}')`);
    runs.push({ lines: rows, seconds, megabytes: peakBytes / 1e6, mirror: mirror.seconds });
    bench.tell(`run ${run + 1} of ${bench.sizes.runs}: ${rows} lines, ${seconds.toFixed(1)} s`);
  }
  const figure = (what: string, key: keyof (typeof runs)[number], unit: Figure['unit']): Figure => ({ benchmark: 'reconcile', what, unit, values: runs.map((run) => run[key]) });
  return [
    { ...figure(`row lines for ${changed.toLocaleString('en')} changed rows`, 'lines', 'lines'), requirement: { kind: 'below', limit: LINES_BELOW } },
    figure('until the log can go on', 'seconds', 's'),
    figure('a mirror takes it over', 'mirror', 's'),
    figure('peak memory', 'megabytes', 'MB'),
  ];
}

/** The cache is as far as the log, and the log as the copy: a cache that is ahead could not be compared. */
async function comeTogether(bench: Workbench, database: string, cache: string): Promise<void> {
  const mirror = bench.own('deltamirror', [cache]);
  const lsn = await bench.withClient(database, async (client) => {
    await client.query(`update ${TABLE} set altitude = altitude + 1 where id = 1`);
    return (await client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')).rows[0].lsn;
  });
  // The log has to come to behind that.
  await bench.withClient(database, (client) => client.query(`update ${TABLE} set altitude = altitude + 1 where id = 2`));
  await cacheHolds(cache, lsn, mirror);
  await mirror.stop();
}
