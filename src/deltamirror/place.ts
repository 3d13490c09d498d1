/** Where a mirror begins to read: behind what its cache holds, or at the position that the user names. */
import { DeltaError } from '../errors.js';
import { isOriginal, OriginalReader } from '../daystream/original.js';
import { patiently } from '../daystream/patience.js';
import { comparePositions, formatPosition, ORIGIN, type Position } from '../daystream/position.js';
import { readOpenLine } from '../daystream/backward.js';
import { openReader } from '../daystream/read.js';
import { LogReader, type UnitReader } from '../daystream/reader.js';
import { resume } from '../daystream/resume.js';
import { findLine, nextLine, pastTheEnd, readHead, segmentFor, segmentsOf } from '../daystream/seek.js';
import { decodeHeader } from '../daystream/segment.js';
import type { Transport } from '../daystream/transport.js';
import type { CachePosition } from '../sqlite/position.js';

export interface Start {
  readonly reader: UnitReader;
  /** True where the log was written anew behind the cache's position, after a power loss. */
  readonly rewritten: boolean;
  readonly original: boolean;
  /** Of the history that the log is in there. */
  readonly epoch: number;
}

/** Throws DeltaError: usage (`from` would leave out changes), log-missing, log-foreign, log-damaged. */
export function openAt(transport: Transport, at: CachePosition, from: Position | undefined): Promise<Start> {
  return patiently(transport, () => startAt(transport, at, from));
}

async function startAt(transport: Transport, at: CachePosition, from: Position | undefined): Promise<Start> {
  const [oldest] = await segmentsOf(transport);
  const original = await isOriginal(transport, oldest);
  if (from !== undefined) {
    if (comparePositions(at.position, ORIGIN) > 0 && comparePositions(from, at.position) > 0) {
      throw new DeltaError('usage', `--from ${formatPosition(from)} would leave out what the log holds behind ${formatPosition(at.position)}, where the cache stands`, { hint: 'leave out --from' });
    }
    const reader = await openReader(transport, from);
    return { reader, rewritten: false, original, epoch: original ? at.epoch : decodeHeader((await readOpenLine(transport, reader.place.segment)).line).epoch };
  }
  if (original) return { reader: await resumeOriginal(transport, at.position), rewritten: false, original, epoch: at.epoch };
  const { rewritten, ...place } = await resume(transport, at);
  return { reader: new LogReader(transport, place), rewritten, original, epoch: at.epoch };
}

/** Lines of the original format carry no crc: the position alone has to be there. */
async function resumeOriginal(transport: Transport, position: Position): Promise<UnitReader> {
  const segment = await segmentFor(transport, position);
  const offset = await findLine(transport, segment, position);
  const head = await readHead(transport, segment, offset);
  if (head === undefined || comparePositions(head.position, position) !== 0) throw pastTheEnd(transport, position);
  return new OriginalReader(transport, { segment, offset: await nextLine(transport, segment, offset + 1), crc: 0, position });
}
