/**
 * From commit to visible: transactions at a fixed rate, each stamped right before it is
 * sent to Postgres, so Postgres's own commit and its sync are in the figure; and a reader
 * of the cache that stamps each when it first sees it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { percentile, type Figure } from './figure.js';
import { TABLE } from './flights.js';
import type { Seen } from './latency-reader.js';
import { follow, importCache, unfollow, type Followed } from './pipeline.js';
import type { Workbench } from './workbench.js';

const CONNECTIONS = 4;
const P50_LIMIT_MS = 3;
const P99_LIMIT_MS = 15;

interface Run { readonly p50: number; readonly p99: number; readonly max: number; readonly afterAck: number; readonly rate: number }

export async function latency(bench: Workbench): Promise<Figure[]> {
  const runs: Run[] = [];
  for (let run = 0; run < bench.sizes.runs; run++) {
    const followed = await follow(bench, `latency_${run}`);
    runs.push(await measure(bench, followed));
    await unfollow(bench, followed);
    bench.tell(`run ${run + 1} of ${bench.sizes.runs}: p50 ${runs[run].p50.toFixed(1)} ms, p99 ${runs[run].p99.toFixed(1)} ms`);
  }
  const figure = (what: string, key: keyof Run, unit: Figure['unit'], limit?: number): Figure => ({
    benchmark: 'latency', what, unit, values: runs.map((run) => run[key]), ...(limit !== undefined && { requirement: { kind: 'at most', limit } }),
  });
  return [
    figure('sent to visible, p50', 'p50', 'ms', P50_LIMIT_MS),
    figure('sent to visible, p99', 'p99', 'ms', P99_LIMIT_MS),
    figure('sent to visible, max', 'max', 'ms'),
    figure('acknowledged to visible, p50', 'afterAck', 'ms'),
    figure('rate that was reached', 'rate', 'tx/s'),
  ];
}

async function measure(bench: Workbench, followed: Followed): Promise<Run> {
  const { cache } = await importCache(bench, followed);
  const mirror = bench.own('deltamirror', [cache]);
  await mirror.said(/caught up/);
  const count = bench.sizes.seconds * bench.sizes.transactionsPerSecond;
  const visible = new Float64Array(new SharedArrayBuffer(count * Float64Array.BYTES_PER_ELEMENT));
  const workerData: Seen = { cache, table: TABLE, after: bench.sizes.rows, connections: CONNECTIONS, visible };
  const reader = new Worker(new URL('./latency-reader.js', import.meta.url), { workerData });
  const exited = once(reader, 'exit');
  await once(reader, 'online');
  const { sent, acknowledged } = await commitAll(bench, followed.database, count);
  await Promise.race([exited, mirror.ended]);
  await mirror.stop();
  const total = sent.map((at, i) => visible[i] - at);
  return {
    p50: percentile(total, 0.5),
    p99: percentile(total, 0.99),
    max: percentile(total, 1),
    afterAck: percentile(acknowledged.map((at, i) => visible[i] - at), 0.5),
    rate: count / ((Math.max(...acknowledged) - sent[0]) / 1000),
  };
}

interface Stamps { readonly sent: number[]; readonly acknowledged: number[] }

/** Commits at the asked rate: the connections take turns, so that one slow sync of Postgres does not lower the rate. */
async function commitAll(bench: Workbench, database: string, count: number): Promise<Stamps> {
  const sent: number[] = [];
  const acknowledged: number[] = [];
  const startMs = nowMs();
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, connection) => bench.withClient(database, async (client) => {
    for (let i = connection; i < count; i += CONNECTIONS) {
      const waitMs = startMs + (i * 1000) / bench.sizes.transactionsPerSecond - nowMs();
      if (waitMs > 0) await sleep(waitMs);
      const sql = transaction(bench.sizes.rows, connection * count + Math.floor(i / CONNECTIONS));
      sent[i] = nowMs();
      await client.query(sql);
      acknowledged[i] = nowMs();
    }
  })));
  return { sent, acknowledged };
}

/** An update somewhere in the table, and the insert by which the reader knows it; sent as one message, they are one transaction. */
function transaction(rows: number, after: number): string {
  const id = 1 + Math.floor(Math.random() * rows);
  return `update ${TABLE} set altitude = altitude + 1, seen = now() where id = ${id};
    insert into ${TABLE} select ${rows + 1 + after}, altitude, icao, fuel, callsign, route, seen, on_ground, lat, lon, squawk, day from ${TABLE} where id = ${id}`;
}

/** Milliseconds of the clock that all threads share. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
