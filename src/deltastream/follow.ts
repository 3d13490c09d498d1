/** The heart: receive → append → sync → confirm. */
import type { Lsn } from '../daystream/lsn.js';
import type { Writer } from '../daystream/writer.js';
import { DeltaError } from '../errors.js';
import { ReplicationStream } from '../postgres/replication.js';
import type { Beside } from './beside.js';
import { Committer } from './committer.js';
import { openDecoder, type Decoder } from './decoder.js';
import { Horizons } from './horizons.js';
import type { StreamOptions } from './options.js';
import { Reloads } from './reload.js';
import type { Report } from './report.js';
import type { Source } from './source.js';

/** Of the 5 s that a stop may take, what the server has for its part. */
const FINISH_TIMEOUT_MS = 2_000;
const WATCH_INTERVAL_MS = 10_000;
/** So long without a word, and the server is asked on the other connection whether it still sends. */
const SILENCE_LIMIT_MS = 30_000;

/** Follows the slot until `stop`; then all that is whole has been synced and confirmed. Throws when the stream or the disk fails. */
export async function follow(source: Source, writer: Writer, options: StreamOptions, stop: AbortSignal, report: Report, started: () => Promise<void>): Promise<void> {
  const decoder = await openDecoder(source, writer, options, stop);
  try {
    await followDecoded(decoder, source, writer, options, stop, report, started);
  } finally {
    decoder.close();
  }
}

async function followDecoded(decoder: Decoder, source: Source, writer: Writer, options: StreamOptions, stop: AbortSignal, report: Report, started: () => Promise<void>): Promise<void> {
  const stream = await ReplicationStream.start(source.replication, options.slot, decoder.options, decoder.isKept);
  await started(); // nothing has been taken in yet
  const wake = () => stream.wake();
  const committer = new Committer(writer, options.fsyncIntervalMs, { durable: (lsn: Lsn) => stream.confirm(lsn), failed: wake, synced: (seconds) => report.synced(seconds) });
  const horizons = new Horizons(stream, source.beside);
  const reloads = new Reloads(writer, options, source.beside, { wake, hasten: () => horizons.hasten() }, report);
  const watch = setInterval(() => void endWhenDeaf(stream, source.beside, options.slot), WATCH_INTERVAL_MS);
  stop.addEventListener('abort', wake);
  committer.commit(); // what a run before this one wrote may not be synced yet
  try {
    while (!stop.aborted) {
      for (const message of await stream.receive()) {
        if (message.kind === 'keepalive') horizons.heard(message);
        else {
          const wait = decoder.take(message.data);
          if (wait !== undefined) await wait;
          if (wait !== undefined && stop.aborted) break;
        }
        if (writer.inTransaction) continue;
        if (horizons.due) await horizons.write(writer);
        if (reloads.due) await reloads.write();
      }
      if (reloads.due && !writer.inTransaction) await reloads.write();
      reloads.heard();
      committer.check();
      if (writer.inTransaction && !writer.hasNews) committer.ease(); // half a transaction wakes no reader, and confirms nothing
      else {
        writer.write();
        committer.commit();
      }
    }
  } finally {
    stop.removeEventListener('abort', wake);
    clearInterval(watch);
    horizons.close();
    reloads.close();
    writer.abandon(); // half a transaction is of no use: the server sends it again
    await committer.finish();
  }
  await stream.finish(FINISH_TIMEOUT_MS);
}

/** A server that decodes something long is silent too, but it holds the slot. */
async function endWhenDeaf(stream: ReplicationStream, beside: Beside, slot: string): Promise<void> {
  if (stream.silenceMs < SILENCE_LIMIT_MS || await beside.isSlotActive(slot)) return;
  stream.abort(new DeltaError('connection', `slot "${slot}": nothing heard for ${SILENCE_LIMIT_MS / 1000} s, and the server does not send`));
}
