/** Finds where to begin reading: positions are ordered, so by bisection (docs/format.md §5, Resuming). */
import { DeltaError } from '../errors.js';
import { readFully, readOpenLine } from './backward.js';
import { comparePositions, formatPosition, ORIGIN, type Position } from './position.js';
import type { Place } from './reader.js';
import { decodeHeader, isOfDay, segmentName } from './segment.js';
import type { Transport } from './transport.js';
import { findTrailer, trailerCrc, TRAILER_BYTES } from './unit.js';
import { Window, type Readable } from './window.js';

const STEP_BYTES = 1 << 16;
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
 * The place before the first unit that begins at or behind `from`. Throws DeltaError
 * log-missing where `from` is before the oldest line or past the newest.
 */
export async function seekPosition(transport: Transport, from: Position): Promise<Place> {
  const segment = await segmentFor(transport, from);
  const offset = await findLine(transport, segment, from);
  const head = await readHead(transport, segment, offset);
  if (head === undefined) return seekNext(transport, segment, from, offset);
  if (!head.beginsUnit) return skipUnit(transport, segment, offset, from);
  return offset === 0 ? startOf(transport, segment) : placeBehind(transport, segment, offset);
}

/** The place behind the unit that ends at this offset. */
async function placeBehind(transport: Transport, segment: string, offset: number): Promise<Place> {
  const crc = await crcBefore(transport, segment, offset);
  const last = await readHead(transport, segment, await lineBefore(transport, segment, offset));
  if (last === undefined) throw pastTheEnd(transport, ORIGIN);
  return { segment, offset, crc, position: last.position };
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

/** No line of the segment is at or behind `from`: the next segment's first, or right behind the last line of all. */
async function seekNext(transport: Transport, segment: string, from: Position, end: number): Promise<Place> {
  const next = (await transport.list()).find((name) => name > segment);
  if (next !== undefined) return startOf(transport, next);
  const place = await placeBehind(transport, segment, end);
  if (from.clock !== place.position.clock || from.sequence !== place.position.sequence + 1) throw pastTheEnd(transport, from);
  return place;
}

/** The start of the line that ends at this offset. */
async function lineBefore(transport: Readable, segment: string, end: number): Promise<number> {
  for (let before = end - 1; before > 0;) {
    const from = Math.max(0, before - STEP_BYTES);
    const bytes = Buffer.alloc(before - from);
    await readFully(transport, segment, from, bytes);
    const lf = bytes.lastIndexOf(LF);
    if (lf !== -1) return from + lf + 1;
    before = from;
  }
  return 0;
}

/** The place behind the unit that this line is part of. */
async function skipUnit(transport: Transport, segment: string, offset: number, wanted: Position): Promise<Place> {
  const block = Buffer.allocUnsafe(STEP_BYTES * 16);
  for (let from = offset; ;) {
    const length = await readFully(transport, segment, from, block);
    const bytes = block.subarray(0, length);
    const at = findTrailer(bytes, 0);
    if (at !== -1) return placeBehind(transport, segment, from + at + TRAILER_BYTES);
    if (length < block.length) throw pastTheEnd(transport, wanted);
    from += length - TRAILER_BYTES;
  }
}
