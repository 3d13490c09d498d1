/** How a cache is: what it says itself, whether anybody follows the log for it, and, where that one has been silent, what the log says. */
import { Folder } from '../daystream/folder.js';
import { formatLsn } from '../daystream/lsn.js';
import { formatPosition, type Position } from '../daystream/position.js';
import { findLine, nextLine, segmentFor } from '../daystream/seek.js';
import { DeltaError, reasonOf, shellWord } from '../errors.js';
import { freshnessOf, tableStates, type Freshness } from '../sqlite/freshness.js';
import { readHeldSince } from '../sqlite/held.js';
import { cachePath, holderOfCache } from '../sqlite/lock.js';
import { openReader } from '../sqlite/open.js';
import { readPosition, type CachePosition } from '../sqlite/position.js';
import { isProtected } from '../sqlite/protect.js';
import { DROPPED, readTables, type CacheTable } from '../sqlite/tables.js';
import { checkpoint, frameBytes, readersOf, walBytes } from '../sqlite/wal.js';
import { bytesFrom } from './behind.js';

/** A mirror has a horizon to apply every 10 s; when it has said nothing for longer, the log is asked. */
const WORD_AFTER_SECONDS = 15;
const US = 1_000_000;

/** A table that stands still while the others go on. */
export interface Standing {
  readonly schema: string;
  readonly name: string;
  readonly state: 'waiting' | 'quarantined';
  readonly reason: string;
  readonly cure: string;
  readonly position: string;
}

/** The cache's WAL, whose file is used again from its start when all of it is in the cache's own file. */
export interface WalStatus {
  /** Of the WAL's file. */
  readonly bytes: number;
  /** Of these not in the cache's own file yet. */
  readonly pendingBytes: number;
  /** For how long readers have kept it from being used again; null where they do not, for less than a minute, or no mirror runs. */
  readonly heldSeconds: number | null;
  /** The processes that are in a read transaction, where the system tells. */
  readonly readers: readonly number[];
}

export interface Status extends Freshness {
  readonly cache: string;
  readonly position: string;
  readonly lsn: string;
  readonly timeline: number;
  readonly epoch: number;
  /** ISO 8601; null where the log does not tell. */
  readonly commitTime: string | null;
  readonly sourceTime: string | null;
  readonly appliedAt: string;
  readonly appliedAgeSeconds: number;
  /** Who follows the log for it. */
  readonly mirror: string | null;
  readonly protect: boolean;
  readonly tables: ReturnType<typeof tableStates>;
  readonly standing: readonly Standing[];
  readonly wal: WalStatus;
  /** Why the log could not be asked how far it goes; null where it was not asked, or told. */
  readonly logProblem: string | null;
}

/** Throws DeltaError cache where there is none, or its import has not finished. Waits for nobody. */
export async function statusOf(given: string, nowUs = Date.now() * 1000): Promise<Status> {
  const path = cachePath(given);
  const { at, tables, protect, pendingBytes, heldSinceUs } = look(path);
  const mirror = holderOfCache(path);
  const heldSeconds = mirror === undefined || heldSinceUs === undefined ? null : Math.max(0, (nowUs - heldSinceUs) / US);
  const appliedAgeSeconds = Math.max(0, (nowUs - at.appliedAtUs) / US);
  const isSilent = mirror === undefined || appliedAgeSeconds > WORD_AFTER_SECONDS;
  const log = isSilent && !/^[a-z]+:\/\//i.test(at.source) ? await bytesBehind(at.source, at.position) : {};
  return {
    cache: path,
    ...freshnessOf(at, nowUs, { isRunning: mirror !== undefined, behindBytes: log.bytes }),
    position: formatPosition(at.position),
    lsn: formatLsn(at.lsn),
    timeline: at.timeline,
    epoch: at.epoch,
    commitTime: timeText(at.commitTimeUs),
    sourceTime: timeText(at.sourceTimeUs),
    appliedAt: timeText(at.appliedAtUs) ?? '',
    appliedAgeSeconds,
    mirror: mirror ?? null,
    protect,
    tables: tableStates(tables),
    standing: tables.flatMap(standing),
    wal: { bytes: walBytes(path), pendingBytes, heldSeconds, readers: readersOf(path) },
    logProblem: log.problem ?? null,
  };
}

/** Whether nothing in the cache is older than that, as far as one can know. Tables that stand still are. */
export function isWithin({ lagSeconds, standing }: Status, maxLagSeconds: number): boolean {
  return standing.length === 0 && lagSeconds !== undefined && lagSeconds <= maxLagSeconds;
}

interface Look { readonly at: CachePosition; readonly tables: CacheTable[]; readonly protect: boolean; readonly pendingBytes: number; readonly heldSinceUs: number | undefined }

function look(path: string): Look {
  const cache = openReader(path);
  try {
    const { log, checkpointed } = checkpoint(cache, 'NOOP');
    const pendingBytes = (log - checkpointed) * frameBytes(cache);
    return cache.transaction(() => {
      const at = readPosition(cache);
      if (at === undefined) throw new DeltaError('cache', `${path}: holds no position: its import did not finish`, { hint: `make it anew: deltaimport --tables … --source … ${shellWord(path)}` });
      return { at, tables: readTables(cache), protect: isProtected(cache), pendingBytes, heldSinceUs: readHeldSince(cache) };
    })();
  } finally {
    cache.close();
  }
}

/** Bytes of a log in a folder behind the line at a position. */
async function bytesBehind(source: string, position: Position): Promise<{ bytes?: number; problem?: string }> {
  const folder = new Folder(source);
  try {
    const segment = await segmentFor(folder, position);
    const line = await findLine(folder, segment, position);
    return { bytes: Math.max(0, await bytesFrom(folder, segment) - await nextLine(folder, segment, line + 1)) };
  } catch (error) {
    if (!(error instanceof DeltaError)) throw error;
    return { problem: reasonOf(error) };
  } finally {
    await folder.close();
  }
}

function standing({ schema, name, quarantine, waiting }: CacheTable): Standing[] {
  if (quarantine !== undefined) return quarantine.reason === DROPPED ? [] : [{ schema, name, state: 'quarantined', ...quarantine, position: formatPosition(quarantine.position) }];
  return waiting === undefined ? [] : [{ schema, name, state: 'waiting', reason: waiting.reason, cure: '', position: formatPosition(waiting.position) }];
}

function timeText(us: number): string | null {
  return us === 0 ? null : new Date(us / 1000).toISOString();
}
