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
import { Folder } from '../daystream/folder.js';
import { writeIndex } from '../daystream/index-file.js';
import { formatPosition, type Position } from '../daystream/position.js';
import { writeSeekable } from '../daystream/seekable-gzip.js';
import { SeekableReader } from '../daystream/seekable-reader.js';
import { isSnapshotName, snapshotName, snapshotsOf } from '../daystream/snapshot-name.js';
import { DeltaError, reasonOf, shellWord } from '../errors.js';
import { lock } from '../lock.js';
import { syncFolder } from '../sqlite/publish.js';
import { takeTables, type Held, type LeftBehind, type Taken } from '../sqlite/take.js';
import { DROPPED, type CacheTable } from '../sqlite/tables.js';
import { whyForeign } from './find.js';
import { decodeHead, encodeHead, headOf, type SnapshotHead } from './head.js';

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
  let tables: readonly CacheTable[] = [];
  const { at, patterns, leftBehind } = takeTables(draft, cache, (held) => {
    const whole = wholeOf(cache, held);
    tables = whole.tables.map(({ to }) => to);
    return whole;
  });
  const sha256 = createHash('sha256');
  for await (const block of blocksOf(draft)) sha256.update(block);
  const head = headOf(at!, tables, patterns, { bytes: statSync(draft).size, sha256: sha256.digest('hex') });
  const name = snapshotName(head.position);
  const path = join(to, name);
  const isLog = readdirSync(to).some((each) => segmentOf(each) !== undefined);
  await (isLog ? requireOfLog : requireOfOthers)(cache, to, head);
  if (!snapshotsOf([...readdirSync(to), name]).slice(0, keep).includes(name)) {
    throw new DeltaError('config', `${cache}: stands at ${formatPosition(head.position)}, before the newest snapshots of ${to}, of which ${keep} stay`, { hint: `let its mirror catch up first: deltamirror ${shellWord(cache)}` });
  }
  const bytes = await compress(draft, path, encodeHead(head));
  // Older ones go when the new one is there for good.
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
  // What this host keeps of dropped tables is its own.
  return { tables: tables.filter(({ quarantine }) => quarantine?.reason !== DROPPED).map((table) => ({ from: table, to: table, filter: undefined })) };
}

/** One of another log would push those away that hosts can begin with. */
async function requireOfLog(cache: string, folder: string, head: SnapshotHead): Promise<void> {
  const log = new Folder(folder);
  try {
    const reason = await whyForeign(log, head);
    if (reason !== undefined) throw new DeltaError('config', `${cache}: what ${folder} would get of it ${reason}`, { hint: 'publish to the log that the cache follows, or to a folder without one' });
  } finally {
    await log.close();
  }
}

/** The same where no log tells: by the snapshots that are there. One that cannot be read tells nothing. */
async function requireOfOthers(cache: string, folder: string, { system, slot }: SnapshotHead): Promise<void> {
  const log = new Folder(folder);
  try {
    for (const name of snapshotsOf(readdirSync(folder))) {
      const there = decodeHead(await headBytes(log, name));
      if (typeof there === 'string' || (there.system === system && there.slot === slot)) continue;
      throw new DeltaError('config', `${cache}: follows slot ${slot} of system ${system}, and ${join(folder, name)} is of slot ${there.slot} of system ${there.system}: they would push each other away`, { hint: 'publish what follows another log to another folder' });
    }
  } finally {
    await log.close();
  }
}

async function headBytes(log: Folder, name: string): Promise<Buffer | undefined> {
  try {
    return (await SeekableReader.open(log.file(name))).head;
  } catch (error) {
    if (error instanceof DeltaError) return undefined;
    throw error;
  }
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
