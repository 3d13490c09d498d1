/**
 * One holder of a file at a time. The kernel drops the lock when its holder dies,
 * however it dies, so no stale lock is ever left to be removed by hand. The file
 * itself stays: a removed file could be locked twice, by its old and its new inode.
 */
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { tryLock } from 'fs-native-extensions';
import { DeltaError, reasonOf } from './errors.js';

/** Who only looks (`holderOf`) has the lock for less. */
const LOOK_MS = 20;

export interface Lock {
  release(): void;
}

/**
 * Takes the exclusive lock on `path` without waiting. `holder` is what the next one is told,
 * such as `deltastream --slot fleet`; it must not hold secrets. Throws DeltaError `busy` with
 * the holder's pid and host, `config` when the file cannot be opened.
 */
export function lock(path: string, holder: string): Lock {
  const fd = open(path);
  if (!tryLock(fd) && !(pause(LOOK_MS) && tryLock(fd))) {
    closeSync(fd);
    throw new DeltaError('busy', `${path}: held by ${readHolder(path)}`, { hint: 'stop that process first' });
  }
  ftruncateSync(fd);
  writeSync(fd, `${holder} (pid ${process.pid} on ${hostname()})\n`, 0);
  return {
    release: () => {
      ftruncateSync(fd);
      closeSync(fd);
    },
  };
}

/** Who holds the lock on `path`, as the next one would be told; undefined where nobody does, or there is no such file. Needs no right to write. */
export function holderOf(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const fd = openSync(path, 'r');
  try {
    return tryLock(fd, { shared: true }) ? undefined : readHolder(path);
  } finally {
    closeSync(fd);
  }
}

function pause(ms: number): boolean {
  return Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms) === 'timed-out';
}

function open(path: string): number {
  try {
    return openSync(path, 'a+');
  } catch (cause) {
    throw new DeltaError('config', `${path}: cannot be opened for writing: ${reasonOf(cause)}`, {
      hint: 'give a folder that this user may write to',
      cause,
    });
  }
}

function readHolder(path: string): string {
  return readFileSync(path, 'utf8').trim() || 'another process';
}
