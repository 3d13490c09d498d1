/** The reader of the latency measurement, in a thread of its own: notes when each row is first seen. */
import { workerData } from 'node:worker_threads';
import { openReader } from '../src/sqlite/open.js';

export interface Seen {
  readonly cache: string;
  readonly table: string;
  /** Rows with greater ids are waited for, one after the other. */
  readonly after: number;
  /** Milliseconds of process.hrtime, one for each row that is waited for. */
  readonly visible: Float64Array;
}

/** Adds at most so much to what is measured, and leaves the processors to those that are measured. */
const POLL_MS = 0.2;

const { cache, table, after, visible } = workerData as Seen;
const reader = openReader(cache);
const newest = reader.prepare<[], number>(`SELECT max(id) FROM ${table}`).pluck();
const nobody = new Int32Array(new SharedArrayBuffer(4));
for (let seen = 0; seen < visible.length;) {
  const now = newest.get()! - after;
  if (now <= seen) {
    Atomics.wait(nobody, 0, 0, POLL_MS);
    continue;
  }
  visible.fill(Number(process.hrtime.bigint()) / 1e6, seen, now);
  seen = now;
}
reader.close();
