/** Finds where to begin reading: positions are ordered, so by bisection (docs/format.md §5, Resuming). */
import { DeltaError } from '../errors.js';
import { readFully, readOpenLine } from './backward.js';
import { comparePositions, formatPosition, ORIGIN, type Position } from './position.js';
import { LogReader, type Place } from './reader.js';
import { decodeHeader, isOfDay, segmentName } from './segment.js';
import type { Transport } from './transport.js';
import { findTrailer, trailerCrc, TRAILER_BYTES } from './unit.js';
import { Window, type Readable } from './window.js';

const STEP_BYTES = 1 << 16;
/** To this it grows where what is looked for is not near: a large transaction is passed over in few ways there and back. */
const MOST_STEP_BYTES = 4 << 20;
const POSITION_BYTES = 64;
const LF = 10;

/** The names of the segments. Throws DeltaError log-missing where there is none. */
export async function segmentsOf(transport: Transport): Promise<[string, ...string[]]> {
  const [oldest, ...later] = await transport.list();
  if (oldest === undefined) {
    throw new DeltaError('log-missing', `${transport.place}: holds no daystream`, { hint: 'start deltastream --out on this folder, or give the right one' });
  }
  return [oldest, ...later];
}

/** The place before the oldest unit of the log. */
export async function seekStart(transport: Transport): Promise<Place> {
  const [oldest] = await segmentsOf(transport);
  return startOf(transport, oldest);
}

/** The place before a segment's open line. */
export async function startOf(transport: Transport, segment: string): Promise<Place> {
  const { previous, previousCrc } = decodeHeader((await readOpenLine(transport, segment)).line);
  return { segment, offset: 0, crc: previousCrc, position: previous };
}

/**
 * The place before the first unit that begins at or behind `from`. P6: what is looked at here
 * and there is not believed, so units are read, and checked, from one before that place on.
 * Throws DeltaError log-missing where `from` is before the oldest line or past the newest,
 * log-damaged where what was looked at and what was read do not fit.
 */
export async function seekPosition(transport: Transport, from: Position): Promise<Place> {
  const segment = await segmentFor(transport, from);
  const offset = await findLine(transport, segment, from);
  const start = await unitBefore(transport, segment, offset);
  const head = await readHead(transport, segment, offset);
  const place = start === 0 ? await startOf(transport, segment) : { segment, offset: start, crc: await crcBefore(transport, segment, start), position: ORIGIN };
  return firstFrom(transport, place, from, head?.beginsUnit === true);
}

/** The place before the first unit at or behind `from`, read from a place before it. At the end of the log `from` may be the next line, or one of a unit that `isBegun`. */
async function firstFrom(transport: Transport, start: Place, from: Position, isBegun: boolean): Promise<Place> {
  const reader = new LogReader(transport, start);
  let place = start;
  for (let units = await reader.next(); units.length > 0; units = await reader.next()) {
    for (const { segment, start: offset, end, first, last, crc } of units) {
      const isBefore = comparePositions(first, from) < 0;
      if (!isBefore && place === start && (start.offset > 0 || comparePositions(start.position, from) >= 0)) throw notBefore(transport, start, from);
      if (!isBefore) return { ...place, segment, offset };
      place = { segment, offset: end, crc, position: last };
    }
  }
  const { clock, sequence } = place.position;
  const isNext = from.clock === clock && from.sequence === sequence + 1;
  if (place === start || (!isBegun && !isNext && comparePositions(from, place.position) > 0)) throw pastTheEnd(transport, from);
  return place;
}

function notBefore(transport: Transport, { segment, offset }: Place, from: Position): DeltaError {
  return new DeltaError('log-damaged', `${transport.place}/${segment}:${offset}: does not begin before ${formatPosition(from)}, as the lines around it say`, { hint: `see: daystream verify ${transport.place}` });
}

/** The segment that holds this position, or the first one behind it. */
export async function segmentFor(transport: Transport, position: Position): Promise<string> {
  const segments = await segmentsOf(transport);
  const wanted = segmentName(position.clock);
  const oldest = await readHead(transport, segments[0], 0);
  if (oldest !== undefined && comparePositions(position, oldest.position) < 0) {
    throw new DeltaError('log-missing', `${transport.place}: begins at ${formatPosition(oldest.position)}, behind ${formatPosition(position)}`, {
      hint: `begin at ${formatPosition(oldest.position)}; a cache that stands before it wants deltaimport again, or the older segments back`,
    });
  }
  // A clock's day names its segments; a day without lines has none, and the next one is meant.
  const segment = await segmentHolding(transport, segments, position) ?? segments.find((name) => name >= wanted);
  if (segment === undefined) throw pastTheEnd(transport, position);
  return segment;
}

/** The segment of the position's day that begins at or before it; undefined where none does. */
export async function segmentHolding(transport: Transport, segments: readonly string[], position: Position): Promise<string | undefined> {
  for (const name of segments.filter((each) => isOfDay(each, position.clock)).reverse()) {
    const head = await readHead(transport, name, 0);
    if (head !== undefined && comparePositions(head.position, position) <= 0) return name;
  }
  return undefined;
}

/**
 * The offset of the first line at or behind a position; the end of whole lines where there is none.
 * A log is written at a steady rate rather than not, so it is looked for where its clock would put
 * it, a little before and a little behind; every third look halves what is left, whatever the rate was.
 */
export async function findLine(transport: Transport, segment: string, position: Position): Promise<number> {
  const window = new Window(transport);
  let low = 0; // a line's start, before or at the one looked for
  let high = await transport.size(segment);
  let candidate = high;
  let [lowClock, highClock] = [await clockAt(window, segment, 0), await clockAt(window, segment, await lineBefore(transport, segment, high))];
  for (let looks = 0; high - low > STEP_BYTES; looks++) {
    const share = (position.clock - lowClock) / Math.max(1, highClock - lowClock) + (MARGINS[looks % (MARGINS.length + 1)] ?? 0);
    const at = looks % (MARGINS.length + 1) === MARGINS.length ? 0.5 : Math.min(Math.max(share, 0), 1);
    const middle = Math.min(Math.max(low + Math.floor((high - low) * at), low + 1), high - 1);
    const start = await nextLine(window, segment, middle);
    const head = start < candidate ? await readHead(window, segment, start) : undefined;
    if (head === undefined || comparePositions(head.position, position) >= 0) {
      if (head !== undefined) [candidate, highClock] = [start, head.position.clock];
      high = middle;
    } else {
      [low, lowClock] = [start, head.position.clock];
    }
  }
  for (let start = low; ; start = await nextLine(window, segment, start + 1)) {
    const head = await readHead(window, segment, start);
    if (head === undefined || comparePositions(head.position, position) >= 0) return start;
  }
}

/** How far before and behind the place that the clock gives is looked, as a part of what is left. */
const MARGINS = [-1 / 64, 1 / 64];

/** The clock of the line that starts here; of no use, and no harm, where there is none. */
async function clockAt(window: Readable, segment: string, start: number): Promise<number> {
  return (await readHead(window, segment, start).catch(() => undefined))?.position.clock ?? 0;
}

/** The first line start at or behind `from`; the segment's size where there is none. */
export async function nextLine(transport: Readable, segment: string, from: number): Promise<number> {
  const block = Buffer.allocUnsafe(STEP_BYTES);
  for (let offset = from === 0 ? 0 : from - 1; ;) {
    if (offset === 0 && from === 0) return 0;
    const length = await readFully(transport, segment, offset, block);
    const lf = block.subarray(0, length).indexOf(LF);
    if (lf !== -1) return offset + lf + 1;
    if (length < block.length) return offset + length;
    offset += length;
  }
}

/** The `_crc` that the unit before this offset ends with. */
export async function crcBefore(transport: Transport, segment: string, offset: number): Promise<number> {
  const bytes = Buffer.alloc(TRAILER_BYTES);
  await readFully(transport, segment, offset - TRAILER_BYTES, bytes);
  if (findTrailer(bytes, 0) !== 0) {
    throw new DeltaError('log-damaged', `${transport.place}/${segment}:${offset}: no _crc stands before this line`, { hint: `see: daystream verify ${transport.place}` });
  }
  return trailerCrc(bytes, 0);
}

/** Position and kind of the line that starts here; undefined at the end of whole lines. */
export async function readHead(transport: Readable, segment: string, offset: number): Promise<{ position: Position; beginsUnit: boolean } | undefined> {
  const bytes = Buffer.alloc(POSITION_BYTES);
  const length = await readFully(transport, segment, offset, bytes);
  const match = /^_c\t(\d+)\t_s\t(\d+)\t(_action\t(?!commit\t|copied\t))?/.exec(bytes.toString('latin1', 0, length));
  if (match !== null) return { position: { clock: Number(match[1]), sequence: Number(match[2]) }, beginsUnit: match[3] !== undefined };
  if (length < POSITION_BYTES) return undefined; // a torn tail
  throw new DeltaError('log-damaged', `${transport.place}/${segment}:${offset}: not a line of a daystream`, { hint: `see: daystream verify ${transport.place}` });
}

export function pastTheEnd(transport: Transport, position: Position): DeltaError {
  return new DeltaError('log-missing', `${transport.place}: ends before ${formatPosition(position)}`, {
    hint: 'give the right folder with --source; after a power loss, start deltastream first',
  });
}

/** The start of the line that ends at this offset. */
async function lineBefore(transport: Readable, segment: string, end: number): Promise<number> {
  for await (const { from, bytes } of blocksBackward(transport, segment, end - 1, 0)) {
    const lf = bytes.lastIndexOf(LF);
    if (lf !== -1) return from + lf + 1;
  }
  return 0;
}

/** The start of the unit that holds the byte before this offset. */
async function unitBefore(transport: Transport, segment: string, offset: number): Promise<number> {
  for await (const { from, bytes } of blocksBackward(transport, segment, offset - 1, TRAILER_BYTES - 1)) { // one may lie across the blocks
    let start = 0;
    for (let at = findTrailer(bytes, 0); at !== -1; at = findTrailer(bytes, start)) start = at + TRAILER_BYTES;
    if (start > 0) return from + start;
  }
  return 0;
}

/** A segment's bytes from `end` towards its start, in blocks that grow; each has `overlap` bytes of the one behind it. */
async function* blocksBackward(transport: Readable, segment: string, end: number, overlap: number): AsyncGenerator<{ from: number; bytes: Buffer }> {
  for (let before = end, size = STEP_BYTES; before > 0; size = Math.min(size * 2, MOST_STEP_BYTES)) {
    const from = Math.max(0, before - size);
    const block = Buffer.allocUnsafe(before - from);
    yield { from, bytes: block.subarray(0, await readFully(transport, segment, from, block)) };
    before = from === 0 ? 0 : from + overlap;
  }
}
