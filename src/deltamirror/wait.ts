/**
 * Waiting until a cache has what its reader has written to Postgres. The cache's LSN is
 * the end of the newest commit that it has, and commits come in their order, so once it
 * is not below that of a commit, the commit is in.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { formatLsn, type Lsn } from '../daystream/lsn.js';
import { comparePositions, formatPosition, type Position } from '../daystream/position.js';
import { DeltaError } from '../errors.js';
import { openReader, type Cache } from '../sqlite/open.js';
import { readPosition, type CachePosition } from '../sqlite/position.js';

/** PRAGMA data_version reads a word of shared memory. It is asked the less often the longer it takes, so that the wait costs little and is late by little. */
const POLL_FIRST_MS = 1;
const POLL_LAST_MS = 20;
const POLL_SHARE = 0.05;

/** A page of WAL and its header, the short or, at the start of a file, the long one (access/xlog_internal.h). */
const WAL_PAGE_BYTES = 8192n;
const WAL_HEADER_BYTES: readonly bigint[] = [24n, 40n];

export interface Goal {
  readonly lsn?: Lsn;
  /** Which LSNs are meant: of that history; undefined: of the one that the cache is in when the wait begins. */
  readonly epoch?: number;
  readonly timeline?: number;
  readonly position?: Position;
}

export interface Waited {
  readonly reached: boolean;
  readonly at: CachePosition;
}

/** Waits until the cache at `path` has all of `goal`, or until the time is over. Throws DeltaError: cache; log-foreign where an LSN is of a history or a timeline that the cache has left. */
export async function waitFor(path: string, goal: Goal, timeoutMs: number): Promise<Waited> {
  const started = performance.now();
  const cache = openReader(path);
  try {
    const first = positionOf(path, cache);
    const { epoch = first.epoch, timeline = first.timeline, lsn, position } = goal;
    const wanted = { epoch, timeline, position, lsn: lsn === undefined ? undefined : endOfRecord(lsn) };
    let version = versionOf(cache);
    for (let at = first; ;) {
      if (has(path, at, wanted)) return { reached: true, at };
      const takenMs = performance.now() - started;
      if (takenMs >= timeoutMs) return { reached: false, at };
      await sleep(Math.min(timeoutMs - takenMs, POLL_LAST_MS, Math.max(POLL_FIRST_MS, takenMs * POLL_SHARE)));
      const now = versionOf(cache);
      if (now !== version) at = positionOf(path, cache);
      version = now;
    }
  } finally {
    cache.close();
  }
}

interface Wanted extends Goal {
  readonly epoch: number;
  readonly timeline: number;
}

function has(path: string, at: CachePosition, { epoch, timeline, lsn, position }: Wanted): boolean {
  if (position !== undefined && comparePositions(at.position, position) < 0) return false;
  if (lsn === undefined) return true;
  if (at.slot === '') throw new DeltaError('usage', `${path}: follows a log in the original format, which has no LSNs`, { hint: 'wait for a position: --position clock:sequence' });
  // An LSN of one history says nothing of another, and one of a timeline nothing of what was written on a later one.
  if (at.epoch > epoch) throw left(path, lsn, `epoch ${epoch}`, `epoch ${at.epoch}, where Postgres's history broke`);
  if (at.epoch < epoch) return false;
  if (at.timeline > timeline) throw left(path, lsn, `timeline ${timeline}`, `timeline ${at.timeline}, where a standby was promoted`);
  return at.timeline === timeline && at.lsn >= lsn;
}

/** What `pg_current_wal_insert_lsn()` gives behind a record that ends with its page lies behind the next page's header, where no record ends. */
function endOfRecord(lsn: Lsn): Lsn {
  const offset = lsn % WAL_PAGE_BYTES;
  return WAL_HEADER_BYTES.includes(offset) ? lsn - offset : lsn;
}

function left(path: string, lsn: Lsn, then: string, now: string): DeltaError {
  return new DeltaError('log-foreign', `${path}: ${formatLsn(lsn)} is of ${then}, and the cache is in ${now}`, { hint: 'ask Postgres for the LSN again, and whether the commit is there' });
}

function positionOf(path: string, cache: Cache): CachePosition {
  const at = readPosition(cache);
  if (at === undefined) throw new DeltaError('cache', `${path}: holds no position: its import did not finish`, { hint: `make it anew: deltaimport --tables … --source … ${path}` });
  return at;
}

function versionOf(cache: Cache): unknown {
  return cache.pragma('data_version', { simple: true });
}

/** Where a cache stands, in one spelling. */
export function placeText({ position, lsn, timeline, epoch }: CachePosition): string {
  return `${formatPosition(position)}, ${formatLsn(lsn)} of timeline ${timeline}, epoch ${epoch}`;
}
