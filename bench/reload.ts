/**
 * A reload of the large table beside writes to it and to a small one: how long until the copy is
 * seen, and how far the small table lags meanwhile. Once as it is asked for, and once after an
 * ALTER TABLE that rewrites the rows: there the server first decodes the ALTER's own transaction.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { percentile, type Figure } from './figure.js';
import { TABLE } from './flights.js';
import { nowMs } from './latency.js';
import { follow, unfollow } from './pipeline.js';
import type { Beside } from './reload-reader.js';
import type { Workbench } from './workbench.js';

const LAG_LIMIT_MS = 1000;
const SMALL = 'small';
const TRANSACTIONS_A_SECOND = 200;
/** Nobody waits longer for a reload. */
const STAMPS = TRANSACTIONS_A_SECOND * 600;

interface Run { readonly seconds: number; readonly p50: number; readonly max: number; readonly deltastream: number; readonly deltamirror: number }

/** How a reload comes about, and how the cache tells that it has it. */
interface Cause {
  readonly what: string;
  readonly sql: string;
  readonly marked: string;
  /** Of the other table's lag. */
  readonly limit?: number;
}

/** Which copy the cache has stands in the state of the table: it is waiting, then it is not. */
const CAUSES: readonly Cause[] = [
  { what: 'asked for', limit: LAG_LIMIT_MS, sql: `select pg_logical_emit_message(true, 'deltastream', 'stale ' || '${TABLE}'::regclass::oid)`, marked: `SELECT state = 'following' FROM _daystream_tables WHERE name = '${TABLE}'` },
  { what: 'rows rewritten', sql: `alter table ${TABLE} alter route type varchar using 'rewritten'`, marked: `SELECT route = 'rewritten' FROM ${TABLE} WHERE id = 1` },
];

export async function reload(bench: Workbench): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [i, cause] of CAUSES.entries()) {
    const runs: Run[] = [];
    for (let run = 0; run < bench.sizes.runs; run++) {
      runs.push(await measure(bench, `reload_${i}_${run}`, cause));
      bench.tell(`${cause.what}, run ${run + 1} of ${bench.sizes.runs}: ${runs[run].seconds.toFixed(1)} s, the other table's lag at most ${runs[run].max.toFixed(0)} ms`);
    }
    const figure = (what: string, key: keyof Run, unit: Figure['unit'], limit?: number): Figure => ({
      benchmark: 'reload', what: `${cause.what}: ${what}`, unit, values: runs.map((each) => each[key]), ...(limit !== undefined && { requirement: { kind: 'at most', limit } }),
    });
    figures.push(
      figure('to visible', 'seconds', 's'),
      figure('another table meanwhile, sent to visible, p50', 'p50', 'ms'),
      figure('another table meanwhile, sent to visible, max', 'max', 'ms', cause.limit),
      figure('deltastream, peak memory', 'deltastream', 'MB'),
      figure('deltamirror, peak memory', 'deltamirror', 'MB'),
    );
  }
  return figures;
}

async function measure(bench: Workbench, name: string, cause: Cause): Promise<Run> {
  const followed = await follow(bench, name);
  const { database, log, deltastream } = followed;
  await bench.withClient(database, (client) => client.query(`create table ${SMALL} (id integer primary key, v text)`));
  const cache = bench.path('cache.db');
  await bench.own('import', ['--tables', `${TABLE},${SMALL}`, '--source', log, '--pg', bench.server.url(database), cache]).ended;
  const mirror = bench.own('deltamirror', [cache]);
  await mirror.said(/caught up/);
  const workerData: Beside = { cache, counted: SMALL, marked: cause.marked, visible: shared(STAMPS), markedAt: shared(1), mark: new Int32Array(new SharedArrayBuffer(4)), until: new Int32Array(new SharedArrayBuffer(4)) };
  const reader = new Worker(new URL('./reload-reader.js', import.meta.url), { workerData });
  const exited = once(reader, 'exit');
  await once(reader, 'online');
  const load = new Load(bench, database);
  const started = await bench.withClient(database, async (client) => {
    await client.query(cause.sql);
    return nowMs();
  });
  await mirror.said(/waits for a copy/); // from here on what the reader is to see is news
  Atomics.store(workerData.mark, 0, 1);
  while (workerData.markedAt[0] === 0) await Promise.race([sleep(20), exited, mirror.ended, deltastream.ended]);
  const sent = await load.stop();
  Atomics.store(workerData.until, 0, sent.length);
  await Promise.race([exited, mirror.ended]);
  await mirror.stop();
  await unfollow(bench, followed);
  const meanwhile = sent.flatMap((at, i) => (at >= started && at <= workerData.markedAt[0] ? [workerData.visible[i] - at] : []));
  return {
    seconds: (workerData.markedAt[0] - started) / 1000,
    p50: percentile(meanwhile, 0.5), max: percentile(meanwhile, 1),
    deltastream: deltastream.peakBytes / 1e6, deltamirror: mirror.peakBytes / 1e6,
  };
}

function shared(length: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(length * Float64Array.BYTES_PER_ELEMENT));
}

/** One row after another into the small table, each stamped as it is sent; and updates of the large one. */
class Load {
  readonly #sent: number[] = [];
  readonly #going: Promise<unknown>;
  #stopped = false;

  constructor(bench: Workbench, database: string) {
    const startMs = nowMs();
    const paced = (statement: (i: number) => string, stamps: number[]) => bench.withClient(database, async (client) => {
      for (let i = 0; !this.#stopped; i++) {
        const waitMs = startMs + (i * 1000) / TRANSACTIONS_A_SECOND - nowMs();
        if (waitMs > 0) await sleep(waitMs);
        stamps.push(nowMs());
        await client.query(statement(i));
      }
    });
    this.#going = Promise.all([
      paced((i) => `insert into ${SMALL} values (${i + 1}, 'x')`, this.#sent),
      paced(() => `update ${TABLE} set altitude = altitude + 1 where id = ${1 + Math.floor(Math.random() * bench.sizes.rows)}`, []),
    ]);
    this.#going.catch(() => {}); // `stop` tells
  }

  /** Gives when each row of the small table was sent. */
  async stop(): Promise<readonly number[]> {
    this.#stopped = true;
    await this.#going;
    return this.#sent;
  }
}
