/**
 * Turns closed segments into seekable gzip. The plain file goes only when the compressed one is
 * whole, durable, and gave back the same bytes; a kill at any moment leaves the segment readable.
 */
import { chmodSync, closeSync, fsyncSync, openSync, readdirSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { compressedName } from '../daystream/file-names.js';
import { Folder } from '../daystream/folder.js';
import { writeIndex } from '../daystream/index-file.js';
import { isOriginal } from '../daystream/original.js';
import { LogReader } from '../daystream/reader.js';
import { startOf } from '../daystream/seek.js';
import { SeekableReader } from '../daystream/seekable-reader.js';
import { writeSeekable } from '../daystream/seekable-gzip.js';
import { isSegmentName } from '../daystream/segment.js';
import type { Transport } from '../daystream/transport.js';
import { realFiles } from '../daystream/writer-files.js';
import { DeltaError, reasonOf } from '../errors.js';
import { lockRetention } from './lock.js';

const BLOCK_BYTES = 1 << 20;
const LEFT = /^\..+\.daystream\.gz\.new$/;

export interface Compressed {
  readonly segment: string;
  readonly plainBytes: number;
  /** Undefined where it was only looked at. */
  readonly bytes: number | undefined;
}

/** Compresses every segment but the newest, the oldest first; `dryRun` says which. Throws DeltaError log-damaged at one that is not whole, which stays as it is. */
export async function* compress(folder: string, dryRun: boolean): AsyncGenerator<Compressed> {
  const held = lockRetention(folder, 'daystream compress');
  const log = new Folder(folder);
  try {
    const segments = await log.list();
    const plain = new Set(readdirSync(folder).filter(isSegmentName));
    if (!dryRun) for (const name of readdirSync(folder)) if (LEFT.test(name)) rmSync(join(folder, name));
    for (const segment of segments.slice(0, -1)) {
      if (!plain.has(segment)) continue;
      const plainBytes = statSync(join(folder, segment)).size;
      yield { segment, plainBytes, bytes: dryRun ? undefined : await compressOne(folder, log, segment) };
    }
    if (!dryRun) writeIndex(folder); // also where the run before was killed in between
  } finally {
    await log.close();
    held.release();
  }
}

async function compressOne(folder: string, log: Transport, segment: string): Promise<number> {
  await requireWhole(log, segment);
  const name = compressedName(segment);
  const temporary = join(folder, `.${name}.new`);
  try {
    const file = openSync(temporary, 'wx+', statSync(join(folder, segment)).mode);
    try {
      chmodSync(temporary, statSync(join(folder, segment)).mode);
      const { bytes } = await writeSeekable(blocksOf(log, segment), (each) => writeAll(file, each));
      fsyncSync(file);
      await requireSame(folder, log, segment, temporary);
      renameSync(temporary, join(folder, name));
      // The segment behind it is durable by name too from here on: only then is this one closed for good.
      realFiles.syncFolder(folder);
      rmSync(join(folder, segment));
      realFiles.syncFolder(folder);
      writeIndex(folder);
      return bytes;
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    rmSync(temporary, { force: true });
    if (cause instanceof DeltaError) throw cause;
    throw new DeltaError('io', `${join(folder, name)}: ${reasonOf(cause)}`, { hint: 'the segment stays as it was; see to the disk', cause });
  }
}

/** P6: what is damaged stays as it is, for whoever mends it. */
async function requireWhole(log: Transport, segment: string): Promise<void> {
  if (await isOriginal(log, segment)) return;
  const reader = new LogReader(log, await startOf(log, segment));
  // The reader goes on to the next segment only where that one names this one's end.
  while (reader.place.segment === segment) if ((await reader.next()).length === 0) return;
}

async function* blocksOf(log: Transport, segment: string): AsyncGenerator<Buffer> {
  const size = await log.size(segment);
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  for (let offset = 0; offset < size;) {
    const read = await log.read(segment, offset, block.subarray(0, Math.min(BLOCK_BYTES, size - offset)));
    if (read === 0) throw new DeltaError('log-damaged', `${log.place}/${segment}:${offset}: became shorter while it was read`);
    yield block.subarray(0, read);
    offset += read;
  }
}

async function requireSame(folder: string, log: Transport, segment: string, compressed: string): Promise<void> {
  const file = openSync(compressed, 'r');
  try {
    const reader = await SeekableReader.open({
      place: join(folder, compressedName(segment)),
      read: async (offset, into) => readSync(file, into, 0, into.length, offset),
      size: async () => statSync(compressed).size,
    });
    const again = Buffer.allocUnsafe(BLOCK_BYTES);
    let offset = 0;
    for await (const block of blocksOf(log, segment)) {
      const read = await reader.read(offset, again.subarray(0, block.length));
      if (!block.equals(again.subarray(0, read))) throw new DeltaError('io', `${compressed}: gives back other bytes than were written, at ${offset}`, { hint: 'see to the disk and the memory of this machine' });
      offset += block.length;
    }
    if (reader.plainBytes !== offset) throw new DeltaError('io', `${compressed}: gives back ${reader.plainBytes} bytes of ${offset}`);
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
}
