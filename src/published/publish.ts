/**
 * A snapshot of a running cache for other hosts to begin with. It gets its name by a
 * rename when it is whole and synced, so a half one never looks whole: whoever is killed
 * on the way leaves files whose names begin with a dot, which the next one removes.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { segmentOf } from '../daystream/file-names.js';
import { writeIndex } from '../daystream/index-file.js';
import type { Position } from '../daystream/position.js';
import { writeSeekable } from '../daystream/seekable-gzip.js';
import { isSnapshotName, snapshotName, snapshotsOf } from '../daystream/snapshot-name.js';
import { DeltaError, reasonOf, shellWord } from '../errors.js';
import { lock } from '../lock.js';
import { syncFolder } from '../sqlite/publish.js';
import { takeTables, type Held, type LeftBehind, type Taken } from '../sqlite/take.js';
import { encodeHead, headOf } from './head.js';

/** The plain file, before it is compressed. */
const DRAFT = '.snapshot.draft';
const UNFINISHED = /^\.(.*)\.new$/;
const BLOCK_BYTES = 1 << 20;

export interface Published {
  readonly path: string;
  readonly position: Position;
  readonly tables: number;
  readonly bytes: number;
  readonly plainBytes: number;
  /** What an application has in the cache: it stays there. */
  readonly leftBehind: readonly LeftBehind[];
  /** Names of older snapshots that made room. */
  readonly removed: readonly string[];
}

/** Writes a snapshot of the cache into the folder and keeps the newest `keep` there. The cache may be followed and read meanwhile. Throws DeltaError. */
export async function publishSnapshot(cache: string, folder: string, keep: number): Promise<Published> {
  const to = resolve(folder);
  if (!existsSync(to)) throw new DeltaError('config', `${to}: there is no such folder`, { hint: `make it: mkdir -p ${shellWord(to)}` });
  const held = lock(join(to, '.snapshot.lock'), `deltamirror publish ${cache}`);
  try {
    removeUnfinished(to);
    return await publishInto(cache, to, keep);
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? unwritable(to, error) : error;
  } finally {
    removeUnfinished(to);
    held.release();
  }
}

async function publishInto(cache: string, to: string, keep: number): Promise<Published> {
  const draft = join(to, DRAFT);
  const { at, tables, patterns, leftBehind } = takeTables(draft, cache, (held) => wholeOf(cache, held));
  const sha256 = createHash('sha256');
  for await (const block of blocksOf(draft)) sha256.update(block);
  const head = headOf(at!, tables, patterns, { bytes: statSync(draft).size, sha256: sha256.digest('hex') });
  const path = join(to, snapshotName(head.position));
  const bytes = await compress(draft, path, encodeHead(head));
  // Older ones go when the new one is there for good.
  const isLog = readdirSync(to).some((name) => segmentOf(name) !== undefined);
  if (isLog) writeIndex(to);
  const removed = snapshotsOf(readdirSync(to)).slice(keep);
  for (const name of removed) rmSync(join(to, name));
  if (isLog && removed.length > 0) writeIndex(to);
  syncFolder(to);
  return { path, position: head.position, tables: tables.length, bytes, plainBytes: head.bytes, leftBehind, removed };
}

/** All that the cache mirrors, as it is. */
function wholeOf(cache: string, { at, tables }: Held): Taken {
  if (at === undefined) throw new DeltaError('cache', `${cache}: holds no position: its import did not finish`, { hint: `make it anew: deltaimport --tables … --source … ${shellWord(cache)}` });
  if (at.crc === 0 && at.system === '0') throw new DeltaError('config', `${cache}: follows a log in the original format, which has no checksums to tell by that a snapshot belongs to it`, { hint: 'copy the file itself, with sqlite3 … .backup' });
  return { tables: tables.map((table) => ({ from: table, to: table, filter: undefined })) };
}

async function compress(draft: string, path: string, head: Buffer): Promise<number> {
  const folder = resolve(path, '..');
  const unfinished = join(folder, `.${basename(path)}.new`);
  const file = await open(unfinished, 'wx');
  try {
    const { bytes } = await writeSeekable(blocksOf(draft), async (block) => { await writeWhole(file, block); }, { head });
    await file.sync();
    renameSync(unfinished, path);
    syncFolder(folder);
    return bytes;
  } finally {
    await file.close();
  }
}

function unwritable(folder: string, cause: Error): DeltaError {
  return new DeltaError('io', `${folder}: cannot be written: ${reasonOf(cause)}`, { cause, hint: 'make room on that disk, or see that this user may write there; what was published before is as it was' });
}

async function writeWhole(file: Awaited<ReturnType<typeof open>>, block: Buffer): Promise<void> {
  for (let written = 0; written < block.length;) written += (await file.write(block, written)).bytesWritten;
}

function blocksOf(path: string): AsyncIterable<Buffer> {
  return createReadStream(path, { highWaterMark: BLOCK_BYTES });
}

/** We hold the folder's lock, so whoever left these is dead, or it is us. */
function removeUnfinished(folder: string): void {
  for (const name of readdirSync(folder)) {
    const whole = UNFINISHED.exec(name)?.[1];
    if (name.startsWith(DRAFT) || (whole !== undefined && isSnapshotName(whole))) rmSync(join(folder, name), { force: true });
  }
}
