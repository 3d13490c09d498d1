/**
 * Putting a whole new file in a cache's place.
 *
 * Where there is none yet, by rename. Where there is one, its pages are replaced in one
 * transaction of SQLite (the backup API): a rename would leave every reader that has the
 * old file open on it for ever, and SQLite finds `-wal` and `-shm` by name, so readers of
 * the old file and of the new one would share them, which damages both. This way a
 * reader in a transaction keeps the old state, the next transaction sees the new one,
 * and an interruption at any point leaves the old one.
 */
import Database from 'better-sqlite3';
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DeltaError } from '../errors.js';
import { cacheError, guarded } from './open.js';

/** Pages between two looks at the abort signal. */
const PAGES_A_STEP = 4096;
/** A writer who is not ours may hold the cache; after this long we say so. */
const STALL_TIMEOUT_MS = 30_000;

/** The files that SQLite lays beside a database. */
const SIDE_FILES = ['-wal', '-shm', '-journal'];

/** Makes `path` hold what `draft` holds, and removes the draft. The caller holds the cache's lock. */
export async function publish(draft: string, path: string, signal: AbortSignal): Promise<void> {
  if (existsSync(path)) {
    await replacePages(draft, path, signal);
    removeDatabase(draft);
  } else {
    // Left behind by a cache that was removed without them; they would be read as the new one's.
    for (const suffix of SIDE_FILES) rmSync(path + suffix, { force: true });
    renameSync(draft, path);
  }
  syncFolder(dirname(path));
}

export function removeDatabase(path: string): void {
  for (const suffix of ['', ...SIDE_FILES]) rmSync(path + suffix, { force: true });
}

async function replacePages(draft: string, path: string, signal: AbortSignal): Promise<void> {
  const source = guarded(draft, () => new Database(draft, { fileMustExist: true }));
  let last = { remaining: Infinity, at: Date.now() };
  try {
    await source.backup(path, {
      progress: ({ remainingPages }) => {
        signal.throwIfAborted();
        if (remainingPages < last.remaining) last = { remaining: remainingPages, at: Date.now() };
        else if (Date.now() - last.at > STALL_TIMEOUT_MS) throw locked(path);
        return PAGES_A_STEP;
      },
    });
  } catch (error) {
    throw cacheError(path, error);
  } finally {
    source.close();
  }
}

function locked(path: string): DeltaError {
  return new DeltaError('busy', `${path}: another process has been writing it for ${STALL_TIMEOUT_MS / 1000} s`, { hint: `find it with: fuser ${path}` });
}

/** Makes the names in a folder outlive a power loss. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
