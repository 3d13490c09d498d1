/**
 * The whole path under load, live: transactions run in Postgres while deltastream and deltamirror
 * follow, from the first to where a reader of the cache sees the last. Against Postgres alone: the
 * same transactions with pg_recvlogical behind our plugin, until the last is sent to it.
 */
import type pg from 'pg';
import type { Figure } from './figure.js';
import { updateRows } from './flights.js';
import { interleave, ratios } from './interleave.js';
import { commitLast } from './load.js';
import { cacheHolds, follow, importCache, unfollow } from './pipeline.js';
import { dropSlot, makeSlot, sent } from './slots.js';
import type { Workbench } from './workbench.js';

const LIMIT = 1.3;
const OURS = 'Postgres, deltastream and deltamirror';
const THEIRS = 'Postgres and pg_recvlogical to /dev/null';

export async function path(bench: Workbench): Promise<Figure[]> {
  const committed = new Map<string, number[]>([[OURS, []], [THEIRS, []]]);
  const seconds = await interleave([
    { name: OURS, measure: async (run) => (await runLive(bench, `path_ours_${run}`, committed.get(OURS)!)).seconds },
    { name: THEIRS, measure: (run) => theirs(bench, run, committed.get(THEIRS)!) },
  ], bench.sizes.runs, bench.tell);
  return [
    ...[...seconds].flatMap(([side, values]): Figure[] => [
      { benchmark: 'path', what: side, unit: 's', values },
      { benchmark: 'path', what: `${side}: the last commit is acknowledged`, unit: 's', values: committed.get(side)! },
    ]),
    { benchmark: 'path', what: 'to visible in SQLite / to decoded', unit: '×', values: ratios(seconds, OURS, THEIRS), requirement: { kind: 'at most', limit: LIMIT } },
  ];
}

/** The import, then all of it live, in a database of this name. */
export async function runLive(bench: Workbench, database: string, committed: number[] = []): Promise<{ imported: number; seconds: number }> {
  const followed = await follow(bench, database);
  const { cache, seconds: imported } = await importCache(bench, followed);
  const mirror = bench.own('deltamirror', [cache]);
  await mirror.said(/caught up/);
  const seconds = await bench.withClient(followed.database, (client) => runLoad(bench, client, committed, (lsn) => cacheHolds(cache, lsn, mirror)));
  await mirror.stop();
  await unfollow(bench, followed);
  return { imported, seconds };
}

async function theirs(bench: Workbench, run: number, committed: number[]): Promise<number> {
  const database = await bench.database(`path_theirs_${run}`);
  return bench.withClient(database, async (client) => {
    await makeSlot(client, database);
    const program = bench.program('pg_recvlogical', ['--slot', database, '--start', '--no-loop', '-f', '/dev/null', '-d', database], database);
    await sent(client, database, '0/0'); // it has begun
    const seconds = await runLoad(bench, client, committed, (lsn) => Promise.race([sent(client, database, lsn), program.ended]));
    await program.stop();
    await dropSlot(client, database);
    return seconds;
  });
}

/** From right before the first transaction is sent until everything that was committed has arrived. */
export async function runLoad(bench: Workbench, client: pg.Client, committed: number[], arrived: (lsn: string) => Promise<unknown>): Promise<number> {
  bench.settle();
  const started = performance.now();
  await client.query(updateRows(bench.sizes, 'contiguous'));
  const lsn = await commitLast(client);
  committed.push((performance.now() - started) / 1000);
  await arrived(lsn);
  return (performance.now() - started) / 1000;
}
