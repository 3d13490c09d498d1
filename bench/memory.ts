/** One huge transaction through deltastream and deltamirror while both follow: how much memory each has at most. */
import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { Figure } from './figure.js';
import { insertRows, TABLE } from './flights.js';
import { cacheHolds, follow, importCache, unfollow } from './pipeline.js';
import { walEnd } from './slots.js';
import type { Workbench } from './workbench.js';

const STREAM_LIMIT_MB = 150;
const MIRROR_LIMIT_MB = 250;
/** Of the disk, at its fullest: table, WAL, what the decoder spills, the log, the cache and its WAL. */
const BYTES_PER_ROW = 2500;

export async function memory(bench: Workbench): Promise<Figure[]> {
  const rows = rowsThatFit(bench);
  const followed = await follow(bench, 'memory');
  const { cache } = await importCache(bench, followed);
  const mirror = bench.own('deltamirror', [cache]);
  await mirror.said(/caught up/);
  const idle = [followed.deltastream.peakBytes, mirror.peakBytes];
  const started = performance.now();
  const beforeCommit = await bench.withClient(followed.database, async (client) => {
    await client.query('begin');
    await client.query(insertRows(bench.sizes.rows + 1, bench.sizes.rows + rows));
    const lsn = await walEnd(client);
    await client.query('commit');
    return lsn;
  });
  const committed = performance.now();
  bench.tell(`a transaction of ${rows} rows into ${TABLE} took ${((committed - started) / 1000).toFixed(1)} s`);
  await cacheHolds(cache, beforeCommit, mirror);
  const seconds = (performance.now() - committed) / 1000;
  const peaks = [followed.deltastream.peakBytes, mirror.peakBytes];
  await mirror.stop();
  await unfollow(bench, followed);
  const megabytes = (what: string, bytes: number, limit?: number): Figure => ({
    benchmark: 'memory', what, unit: 'MB', values: [bytes / 1e6], ...(limit !== undefined && { requirement: { kind: 'at most', limit } }),
  });
  const size = `${rows.toLocaleString('en-US')} rows`;
  return [
    megabytes('deltastream, before', idle[0]),
    megabytes(`deltastream, peak of ${size}`, peaks[0], STREAM_LIMIT_MB),
    megabytes('deltamirror, before', idle[1]),
    megabytes(`deltamirror, peak of ${size}`, peaks[1], MIRROR_LIMIT_MB),
    { benchmark: 'memory', what: `commit to visible, ${size}`, unit: 's', values: [seconds] },
  ];
}

/** The rows that were asked for, or as many as the disk has room for. */
function rowsThatFit(bench: Workbench): number {
  const { transactionRows } = bench.sizes;
  const { bavail, bsize } = statfsSync(tmpdir());
  const room = Math.floor((bavail * bsize) / BYTES_PER_ROW);
  if (room >= transactionRows) return transactionRows;
  bench.tell(`${tmpdir()} has room for a transaction of ${room} rows, so it is not ${transactionRows}: set TMPDIR to a larger disk`);
  return room;
}
