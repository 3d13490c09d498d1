/** The reader of the latency measurement, in a thread of its own: notes when each row is first seen. */
import { workerData } from 'node:worker_threads';
import { openReader } from '../src/sqlite/open.js';

export interface Seen {
  readonly cache: string;
  readonly table: string;
  /** Rows with greater ids are waited for. */
  readonly after: number;
  /** Row i is of connection `i % connections`; each connection has ids of its own, in a row, as many as there are stamps. */
  readonly connections: number;
  /** Milliseconds of process.hrtime, one for each row that is waited for. */
  readonly visible: Float64Array;
}

/** Adds at most so much to what is measured, and leaves the processors to those that are measured. */
const POLL_MS = 0.2;

const { cache, table, after, connections, visible } = workerData as Seen;
const reader = openReader(cache);
const newest = reader.prepare<[number, number], number | null>(`SELECT max(id) FROM ${table} WHERE id > ? AND id <= ?`).pluck();
const nobody = new Int32Array(new SharedArrayBuffer(4));
/** The next row of each connection. */
const next = Array.from({ length: connections }, (_, connection) => connection);

while (next.some((row) => row < visible.length)) {
  for (let connection = 0; connection < connections; connection++) look(connection);
  Atomics.wait(nobody, 0, 0, POLL_MS);
}
reader.close();

/** Stamps the rows of a connection that have become visible since the last look. */
function look(connection: number): void {
  const first = after + connection * visible.length;
  const id = newest.get(first, first + visible.length);
  if (id == null) return;
  const nowMs = Number(process.hrtime.bigint()) / 1e6;
  const last = (id - first - 1) * connections + connection;
  for (; next[connection] <= last; next[connection] += connections) visible[next[connection]] = nowMs;
}
