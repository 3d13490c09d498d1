/** The SQLite file of a published snapshot, on this host. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { patiently } from '../daystream/patience.js';
import { DeltaError, reasonOf } from '../errors.js';
import { openReader } from '../sqlite/open.js';
import { readPosition } from '../sqlite/position.js';
import type { Log, Snapshot } from './find.js';
import { standsAt } from './head.js';

const BLOCK_BYTES = 1 << 20;
const PROGRESS_EVERY_BYTES = 64 << 20;

/**
 * Writes the snapshot's file to `path`, synced. Throws DeltaError: log-damaged where it is not, to the last byte,
 * what was published, io where it cannot be written; what is at `path` then is to be removed.
 */
export async function fetchSnapshot(log: Log, { place, head, reader }: Snapshot, path: string, came: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  const sha256 = createHash('sha256');
  const file = await writing(path, () => open(path, 'wx'));
  try {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (let at = 0, told = 0; ;) {
      signal.throwIfAborted();
      const read = await patiently(log, () => reader.read(at, block));
      if (read === 0) break;
      sha256.update(block.subarray(0, read));
      for (let written = 0; written < read;) written += (await writing(path, () => file.write(block, written, read - written))).bytesWritten;
      at += read;
      if (at - told < PROGRESS_EVERY_BYTES) continue;
      told = at;
      came(at);
    }
    await writing(path, () => file.sync());
  } finally {
    await file.close();
  }
  if (reader.plainBytes !== head.bytes || sha256.digest('hex') !== head.sha256) throw damaged(place, 'its rows are not those that were published');
  requireStanding(path, place, head);
}

function requireStanding(path: string, place: string, head: Snapshot['head']): void {
  const cache = openReader(path);
  try {
    const at = readPosition(cache);
    if (at === undefined || !standsAt(head, at)) throw damaged(place, 'its rows are as of another position than it says');
  } finally {
    cache.close();
  }
}

async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new DeltaError('io', `${path}: cannot be written: ${reasonOf(cause)}`, { cause, hint: 'make room on that disk and start again; an existing cache is as it was' });
  }
}

function damaged(place: string, reason: string): DeltaError {
  return new DeltaError('log-damaged', `${place}: ${reason}`, { hint: 'publish it anew' });
}
