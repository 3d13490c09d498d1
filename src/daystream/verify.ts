/** Checks a log from its first byte to its last: format, sequence and chain. */
import { DeltaError } from '../errors.js';
import { decodeLine } from './codec.js';
import { nextLine, segmentsOf } from './seek.js';
import { isOriginal } from './original.js';
import { linesOf } from './lines.js';
import { comparePositions, follows, formatPosition, ORIGIN, type Position } from './position.js';
import { openReader } from './read.js';
import type { Place } from './reader.js';
import type { Transport } from './transport.js';
import type { Unit } from './unit.js';

export interface Verified {
  readonly segments: number;
  readonly transactions: number;
  readonly lines: number;
  readonly bytes: number;
  /** The last line's position. */
  readonly position: Position;
  /** Bytes behind the last whole unit. */
  readonly tornBytes: number;
  /** False for a log in the original format, which has no `_crc`. */
  readonly chain: boolean;
}

/** What one segment holds, for a listing. */
export interface SegmentSummary {
  readonly segment: string;
  readonly bytes: number;
  readonly transactions: number;
  first: Position;
  last: Position;
}

/** Throws DeltaError log-damaged or log-missing with segment and byte offset of the first line that is wrong. */
export async function verifyLog(transport: Transport): Promise<Verified> {
  const segments = await segmentsOf(transport);
  const reader = await openReader(transport, undefined);
  let transactions = 0;
  let lines = 0;
  let position = ORIGIN;
  try {
    for await (const unit of unitsOf(reader)) {
      for await (const line of positionsOf(transport, unit)) {
        if (comparePositions(position, ORIGIN) > 0 && !follows(position, line)) {
          throw damaged(transport, unit.segment, unit.start, `line ${formatPosition(line)} does not follow ${formatPosition(position)}`);
        }
        position = line;
        lines++;
      }
      if (unit.kind === 'transaction') transactions++;
    }
  } catch (error) {
    throw await precise(transport, reader.place, error);
  }
  const sizes = await Promise.all(segments.map((segment) => transport.size(segment)));
  return {
    segments: segments.length, transactions, lines, position,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    tornBytes: sizes.at(-1)! - reader.place.offset,
    chain: !(await isOriginal(transport, segments[0])),
  };
}

/** One summary for each segment, oldest first. Throws DeltaError where the log is damaged. */
export async function summarize(transport: Transport): Promise<SegmentSummary[]> {
  const reader = await openReader(transport, undefined);
  const found = new Map<string, { segment: string; bytes: number; transactions: number; first: Position; last: Position }>();
  for await (const unit of unitsOf(reader)) {
    let summary = found.get(unit.segment);
    if (summary === undefined) {
      summary = { segment: unit.segment, bytes: await transport.size(unit.segment), transactions: 0, first: unit.first, last: unit.last };
      found.set(unit.segment, summary);
    }
    if (unit.kind === 'transaction') summary.transactions++;
    summary.last = unit.last;
  }
  return [...found.values()];
}

async function* unitsOf(reader: Awaited<ReturnType<typeof openReader>>): AsyncGenerator<Unit> {
  for (let units = await reader.next(); units.length > 0; units = await reader.next()) yield* units;
  yield* reader.finish();
}

/** The position of each line of a unit; each line is taken apart on the way. */
async function* positionsOf(transport: Transport, unit: Unit): AsyncGenerator<Position> {
  const framed = unit.kind !== 'transaction' || unit.commitLsn !== undefined;
  if (framed) yield unit.first;
  if (unit.kind !== 'transaction' && unit.kind !== 'copy' && unit.kind !== 'epoch') return;
  for await (const block of linesOf(transport, unit)) {
    for (const line of block.toString('utf8').split('\n').slice(0, -1)) yield decodeLine(line).position;
  }
  if (framed) yield unit.last;
}

/** Looks for the first line behind the last good unit that is wrong by itself, since the chain only tells the unit. */
async function precise(transport: Transport, place: Place, error: unknown): Promise<unknown> {
  if (!(error instanceof DeltaError) || error.code !== 'log-damaged') return error;
  const size = await transport.size(place.segment);
  let position = place.position;
  for (let start = place.offset; start < size;) {
    const end = await nextLine(transport, place.segment, start + 1);
    const reason = await wrongness(transport, place.segment, start, end, position);
    if (typeof reason === 'string') return damaged(transport, place.segment, start, reason);
    position = reason;
    start = end;
  }
  return error;
}

async function wrongness(transport: Transport, segment: string, start: number, end: number, before: Position): Promise<Position | string> {
  const bytes = Buffer.alloc(Math.min(end - start, LINE_BYTES));
  await transport.read(segment, start, bytes);
  try {
    if (bytes.at(-1) !== 10 && bytes.length < LINE_BYTES) return 'a line has no end';
    const { position } = decodeLine(bytes.toString('utf8', 0, bytes.length - 1));
    if (comparePositions(before, ORIGIN) > 0 && !follows(before, position)) return `line ${formatPosition(position)} does not follow ${formatPosition(before)}`;
    return position;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A longer line is looked at no further than this when the bad one is searched for. */
const LINE_BYTES = 16 << 20;

function damaged(transport: Transport, segment: string, offset: number, reason: string): DeltaError {
  return new DeltaError('log-damaged', `${transport.place}/${segment}:${offset}: ${reason}`, {
    hint: 'put a whole copy of the segment back; caches that stand behind this place are not touched',
  });
}
