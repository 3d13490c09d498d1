/** The reader of the reload measurement, in a thread of its own: notes when each row of one table is first seen, and when another table is new. */
import { workerData } from 'node:worker_threads';
import { openReader } from '../src/sqlite/open.js';

export interface Beside {
  readonly cache: string;
  /** A table whose ids are 1, 2, 3, … */
  readonly counted: string;
  /** SQL that gives 1 once the other table is new. */
  readonly marked: string;
  /** Milliseconds of process.hrtime by id - 1. */
  readonly visible: Float64Array;
  readonly markedAt: Float64Array;
  /** 1 from when on that may be so. */
  readonly mark: Int32Array;
  /** How many rows there will be; 0 while that is open. */
  readonly until: Int32Array;
}

/** Leaves the processors to those that are measured. */
const POLL_MS = 0.5;

const { cache, counted, marked, visible, markedAt, mark, until } = workerData as Beside;
const reader = openReader(cache);
const newest = reader.prepare<[], number | null>(`SELECT max(id) FROM ${counted}`).pluck();
const isNew = reader.prepare<[], number>(marked).pluck();
const nobody = new Int32Array(new SharedArrayBuffer(4));

for (let next = 0; Atomics.load(until, 0) === 0 || next < Atomics.load(until, 0);) {
  const last = newest.get() ?? 0;
  const nowMs = Number(process.hrtime.bigint()) / 1e6;
  for (; next < last; next++) visible[next] = nowMs;
  if (markedAt[0] === 0 && Atomics.load(mark, 0) === 1 && isNew.get() === 1) markedAt[0] = nowMs;
  Atomics.wait(nobody, 0, 0, POLL_MS);
}
reader.close();
