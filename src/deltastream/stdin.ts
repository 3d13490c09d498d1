/**
 * The original way in: `pg_recvlogical … -f - | deltastream --stdin`. What may be forgotten is
 * told to Postgres by pg_recvlogical there, which knows nothing of our syncs: P2 does not hold.
 */
import type { Readable, Transform } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import split2 from 'split2';
import { DeltaError } from '../errors.js';
import { Writer } from '../daystream/writer.js';
import { connect } from '../postgres/connection.js';
import { identifySystem, type Identity } from '../postgres/replication.js';
import { PGOUTPUT, PLUGIN } from '../postgres/slot.js';
import { Beside } from './beside.js';
import { Committer } from './committer.js';
import { lockFolder } from './folder.js';
import { HORIZON_INTERVAL_MS, HORIZON_RETRY_MS } from './horizons.js';
import { checkOptions, type StreamOptions } from './options.js';
import type { Report } from './report.js';

/** What the log says of a system that nobody asked. */
const UNKNOWN = { system: '0', timeline: 1, database: '' };

const NAME = { applicationName: 'deltastream' };

/**
 * Appends lines until the input ends, or until `stop`. Half a transaction at the end is cut. With
 * `--pg` the log gets its system's identity, and horizons, so that an import can join it.
 */
export async function streamFrom(input: Readable, options: StreamOptions, stop: AbortSignal, report: Report): Promise<void> {
  checkOptions(options, options.pg !== undefined);
  if (options.plugin === PGOUTPUT) throw new DeltaError('usage', '--plugin pgoutput: what it sends is not the log\'s lines', { hint: 'leave out --stdin: deltastream reads the slot itself' });
  const held = lockFolder(options);
  const beside = options.pg === undefined ? undefined : new Beside(options.pg, await connect(options.pg, NAME));
  try {
    const identity = options.pg === undefined ? UNKNOWN : await askIdentity(options.pg);
    const writer = await Writer.open(options.out, { ...identity, slot: options.slot, plugin: PLUGIN }, 0n, { tables: options.tables, partitions: options.partitions });
    report.start(writer, () => undefined);
    try {
      await drain(input, writer, beside, options, stop, (seconds) => report.synced(seconds));
    } finally {
      writer.close();
    }
  } finally {
    beside?.close();
    report.stop();
    held.release();
  }
}

async function drain(input: Readable, writer: Writer, beside: Beside | undefined, options: StreamOptions, stop: AbortSignal, synced: (seconds: number) => void): Promise<void> {
  const lines = wholeLines(input);
  const end = () => {
    input.unpipe(lines);
    lines.end();
  };
  const committer = new Committer(writer, options.fsyncIntervalMs, { durable: () => {}, failed: end, synced });
  let scheduled: NodeJS.Immediate | undefined;
  const flush = () => {
    scheduled = undefined;
    try {
      writer.write();
      committer.commit();
    } catch (error) {
      lines.destroy(error as Error);
    }
  };
  const horizons = new AbortController();
  if (beside !== undefined) writeHorizons(writer, beside, flush, horizons.signal).catch((error) => lines.destroy(error));
  stop.addEventListener('abort', end, { once: true });
  try {
    for await (const line of lines) {
      if (line !== '') writer.append(Buffer.from(line));
      // All lines of a chunk are here before the event loop turns: they are one write.
      scheduled ??= setImmediate(flush);
    }
  } finally {
    stop.removeEventListener('abort', end);
    clearImmediate(scheduled);
    horizons.abort();
    writer.abandon();
    committer.commit();
    await committer.finish();
  }
}

/** Lines that were ended by a line feed: the rest behind the last one is a torn line, not a line. */
function wholeLines(input: Readable): Transform {
  const lines = split2();
  lines._flush = (done) => done();
  return input.pipe(lines);
}

/** Stands on what has been appended, so its `_lsn` is the last commit's. */
async function writeHorizons(writer: Writer, beside: Beside, flush: () => void, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const snapshot = await beside.snapshot();
    const boundary = !writer.inTransaction && !stop.aborted;
    const seen = boundary && snapshot !== undefined && writer.horizon(writer.lsn, BigInt(Date.now()) * 1000n, snapshot);
    if (boundary) flush();
    const delayMs = seen || snapshot === undefined ? HORIZON_INTERVAL_MS : HORIZON_RETRY_MS;
    await sleep(delayMs, undefined, { signal: stop }).catch(() => {}); // a stop ends the wait
  }
}

async function askIdentity(target: string): Promise<Identity> {
  const client = await connect(target, { ...NAME, replication: true });
  try {
    return await identifySystem(client);
  } finally {
    await client.end();
  }
}
