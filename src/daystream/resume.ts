/** Where a cache goes on in a log, and the proof that it is the same log (docs/format.md §5, Resuming). */
import { DeltaError } from '../errors.js';
import { readOpenLine } from './backward.js';
import { formatLsn, type Lsn } from './lsn.js';
import { comparePositions, formatPosition, type Position } from './position.js';
import type { Place } from './reader.js';
import { findLogEnd } from './recovery.js';
import { crcBefore, findLine, nextLine, pastTheEnd, readHead, segmentHolding, segmentsOf, startOf } from './seek.js';
import { decodeHeader, segmentName, type SegmentHeader } from './segment.js';
import type { Transport } from './transport.js';

/** What a cache holds of the log that it was made from. */
export interface Progress {
  readonly system: string;
  readonly slot: string;
  readonly epoch: number;
  readonly position: Position;
  readonly crc: number;
  /** Every commit whose record is before this LSN is in the cache. */
  readonly lsn: Lsn;
}

export interface Resumed extends Place {
  /** True where the log was written anew behind the cache's position, after a power loss: transactions will come a second time. */
  readonly rewritten: boolean;
}

/**
 * The place behind what a cache holds. Throws DeltaError: log-foreign (another system or
 * slot), log-missing (the position is before the oldest segment or past the end, or its
 * segment is gone).
 */
export async function resume(transport: Transport, progress: Progress): Promise<Resumed> {
  const [oldest, ...later] = await segmentsOf(transport);
  requireSame(transport, await headerOf(transport, oldest), progress);
  const exact = await findExact(transport, [oldest, ...later], progress);
  if (exact !== undefined) return { ...exact, rewritten: false };
  return { ...(await findByLsn(transport, [oldest, ...later], progress)), rewritten: true };
}

/** The place behind the very line that the cache names, if that line ends with the cache's crc. */
export async function findExact(transport: Transport, segments: readonly string[], { position, crc }: Progress): Promise<Place | undefined> {
  const segment = await segmentHolding(transport, segments, position);
  if (segment === undefined) {
    // The cache may stand at the end of a segment that was removed since.
    const next = segments.find((name) => name >= segmentName(position.clock));
    const start = next === undefined ? undefined : await startOf(transport, next);
    return start !== undefined && start.crc === crc && comparePositions(start.position, position) === 0 ? start : undefined;
  }
  const offset = await findLine(transport, segment, position);
  const head = await readHead(transport, segment, offset);
  if (head === undefined || comparePositions(head.position, position) !== 0) return undefined;
  const end = await nextLine(transport, segment, offset + 1);
  try {
    if ((await crcBefore(transport, segment, end)) !== crc) return undefined;
  } catch (error) {
    if (error instanceof DeltaError && error.code === 'log-damaged') return undefined; // now the middle of another unit
    throw error;
  }
  return { segment, offset: end, crc, position };
}

/** The start of the newest segment that holds nothing the cache lacks before it. */
async function findByLsn(transport: Transport, segments: readonly string[], progress: Progress): Promise<Place> {
  const end = await findLogEnd(transport);
  if (end === undefined || (end.header.epoch === progress.epoch && end.lsn < progress.lsn)) throw pastTheEnd(transport, progress.position);
  let found = false;
  for (const segment of segments.toReversed()) {
    const header = await headerOf(transport, segment);
    requireSame(transport, header, progress);
    // LSNs of different epochs have nothing to do with each other.
    if (header.epoch === progress.epoch && header.lsn <= progress.lsn) return startOf(transport, segment);
    found ||= header.epoch === progress.epoch;
    if (header.epoch < progress.epoch && !found) {
      throw new DeltaError('log-foreign', `${transport.place}: has no epoch ${progress.epoch}, to which the cache belongs: it was lost with the end of the log in a power loss`, { hint: 'copy the tables again with deltaimport' });
    }
  }
  throw new DeltaError('log-missing', `${transport.place}: no longer reaches back to ${formatPosition(progress.position)} (LSN ${formatLsn(progress.lsn)})`, {
    hint: 'copy the tables again with deltaimport, or put the older segments back',
  });
}

export async function headerOf(transport: Transport, segment: string): Promise<SegmentHeader> {
  return decodeHeader((await readOpenLine(transport, segment)).line);
}

function requireSame(transport: Transport, { epoch, system, slot }: SegmentHeader, progress: Progress): void {
  if (epoch !== progress.epoch || (system === progress.system && slot === progress.slot)) return;
  throw new DeltaError('log-foreign', `${transport.place}: is the log of slot ${slot} of system ${system}; the cache follows slot ${progress.slot} of system ${progress.system}`, {
    hint: 'give the right folder with --source, or copy the tables again with deltaimport',
  });
}
