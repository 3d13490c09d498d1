/**
 * A cache's WAL: how large it is, how much of it is in the cache's file already, and who
 * keeps the rest from it. SQLite writes a frame into the file only when no reader is left
 * that sees an older state, and uses the WAL's file from its start again only when all
 * frames are written and no reader is in it (sqlite.org/wal.html).
 */
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import type { Cache } from './open.js';

export interface Frames {
  /** In the WAL. */
  readonly log: number;
  /** Of these, in the cache's file too. */
  readonly checkpointed: number;
  /** What was asked for beyond PASSIVE could not be done. */
  readonly busy: boolean;
}

/** NOOP only looks; the others are those of sqlite3_wal_checkpoint_v2. */
export type Mode = 'NOOP' | 'PASSIVE' | 'RESTART' | 'TRUNCATE';

const FRAME_HEADER_BYTES = 24;
/** In the WAL's header (sqlite.org/fileformat2.html §4.1). */
const SEQUENCE_OFFSET = 12;
/** Of the locks in the -shm file those of readers, one byte each (sqlite.org/walformat.html §2.3). */
const READ_LOCKS = [123, 127] as const;

/** Not within a transaction of the connection. */
export function checkpoint(cache: Cache, mode: Mode): Frames {
  const [{ busy, log, checkpointed }] = cache.pragma(`wal_checkpoint(${mode})`) as [{ busy: number; log: number; checkpointed: number }];
  return { busy: busy !== 0, log: Math.max(0, log), checkpointed: Math.max(0, checkpointed) };
}

export function frameBytes(cache: Cache): number {
  return (cache.pragma('page_size', { simple: true }) as number) + FRAME_HEADER_BYTES;
}

/** The size of the WAL's file. */
export function walBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

/** How often the WAL's file was used from its start again; 0 where there is none. */
export function walSequence(path: string): number {
  if (walBytes(path) === 0) return 0;
  const bytes = Buffer.alloc(4);
  const fd = openSync(`${path}-wal`, 'r');
  try {
    readSync(fd, bytes, 0, bytes.length, SEQUENCE_OFFSET);
  } finally {
    closeSync(fd);
  }
  return bytes.readUInt32BE();
}

/** The other processes that are in a read transaction of the cache; none where the system does not tell (/proc/locks of Linux, by device and inode). */
export function readersOf(path: string): number[] {
  const shm = statSync(`${path}-shm`, { throwIfNoEntry: false });
  if (shm === undefined) return [];
  const file = `${deviceText(shm.dev)}:${shm.ino}`;
  const pids = locks().flatMap((line) => {
    const [, , , , pid, place, start] = line.split(/\s+/);
    return place === file && Number(start) >= READ_LOCKS[0] && Number(start) <= READ_LOCKS[1] ? [Number(pid)] : [];
  });
  return [...new Set(pids)].filter((pid) => pid > 0 && pid !== process.pid).sort((a, b) => a - b);
}

function locks(): string[] {
  try {
    return readFileSync('/proc/locks', 'utf8').split('\n').filter((line) => / POSIX .* READ /.test(line));
  } catch {
    return [];
  }
}

/** As /proc/locks writes it; of a device number the parts are those of Linux's makedev. */
function deviceText(dev: number): string {
  const major = (dev >> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
  return [major, minor].map((part) => part.toString(16).padStart(2, '0')).join(':');
}
