/**
 * Many readers in one process, as light as can be: each counts bytes, and in each piece that
 * comes looks at the stamp of the oldest transaction that begins in it. They end with the last one.
 */
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { LAST_ROW } from './readers-writer.js';

export interface Received {
  /** Milliseconds from append to here, over all readers; `max` is the slowest transaction of the slowest reader. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const STAMP = Buffer.from('_ts\t');
const STAMP_BYTES_MAX = 17;
/** What stands in the bytes between two chunks, and may stand in the midst of a row. */
const BETWEEN_CHUNKS = /\r\n[\da-f]+\r\n/g;
/** More than a transaction has behind the row. */
const TAIL_BYTES = 400;
/** A counter for each tenth of a millisecond. What is slower than all counts as the last. */
const lags = new Uint32Array(100_000);
const PER_MS = 10;
let slowestMs = 0;

/** Resolves when the answer has begun; `ended` when the last transaction is here. */
async function read(url: URL, from: number): Promise<{ ended: Promise<void> }> {
  const socket = connect(Number(url.port), url.hostname);
  socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nRange: bytes=${from}-\r\n\r\n`);
  let begun!: () => void;
  let tail = '';
  const ready = new Promise<void>((resolve) => { begun = resolve; });
  const ended = new Promise<void>((resolve, reject) => {
    socket.on('error', reject).on('close', () => reject(new Error(`a reader was cut off`)));
    socket.on('data', (piece: Buffer) => {
      begun();
      stamp(piece);
      tail = (tail + piece.toString('latin1', Math.max(0, piece.length - TAIL_BYTES))).slice(-TAIL_BYTES);
      if (!tail.replace(BETWEEN_CHUNKS, '').includes(LAST_ROW)) return;
      socket.destroy();
      resolve();
    });
  });
  ended.catch(() => {}); // whoever waits for it is told
  await Promise.race([ready, ended]);
  return { ended };
}

/** Notes how old the oldest transaction is that begins in a piece. */
function stamp(piece: Buffer): void {
  const at = piece.indexOf(STAMP);
  if (at === -1) return;
  const micros = /^(\d+)\n/.exec(piece.toString('latin1', at + STAMP.length, at + STAMP.length + STAMP_BYTES_MAX))?.[1];
  if (micros === undefined) return; // cut in two by the network, or not of a transaction
  const lagMs = Number(process.hrtime.bigint()) / 1e6 - Number(micros) / 1000;
  slowestMs = Math.max(slowestMs, lagMs);
  lags[Math.min(lags.length - 1, Math.round(lagMs * PER_MS))]++;
}

function share(part: number): number {
  const total = lags.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  return lags.findIndex((count) => (seen += count) >= total * part) / PER_MS;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [url, from, count] = process.argv.slice(2);
  const readers: { ended: Promise<void> }[] = [];
  for (let i = 0; i < Number(count); i++) readers.push(await read(new URL(url), Number(from)));
  process.stderr.write('ready\n');
  await Promise.all(readers.map(({ ended }) => ended));
  process.stdout.write(JSON.stringify({ p50: share(0.5), p99: share(0.99), max: slowestMs } satisfies Received));
}
