/** Looks through a segment from its end towards its start. */
import { decodeLine, type Line } from './codec.js';
import { DeltaError } from '../errors.js';
import type { Transport } from './transport.js';
import { chain, findTrailer, trailerCrc, TRAILER_BYTES } from './unit.js';
import type { Readable } from './window.js';

const STEP_BYTES = 1 << 20;
/** Lines of the format itself are shorter, also those that name every table of a large database; a match in a longer line is somebody's value. */
const OWN_LINE_BYTES = 1 << 20;
const OPEN_LINE_BYTES = 4096;

/** A line of the format, where it stands, and the `_crc` it ends with. */
export interface FoundLine {
  readonly line: Line;
  readonly start: number;
  readonly end: number;
  readonly crc: number;
}

/**
 * The lines with this `_action`, the last first, of which each is a unit's last line
 * (commit, copied, horizon, open or a message alone), from `end` (bytes) towards the start.
 */
export async function* linesBackward(transport: Transport, segment: string, action: string, end: number): AsyncGenerator<FoundLine> {
  const needle = Buffer.from(`\t_action\t${action}\t`);
  // Blocks overlap by a line, so that each line of ours is whole in one of them.
  const block = Buffer.allocUnsafe(STEP_BYTES + 2 * OWN_LINE_BYTES);
  let before = end;
  while (before > 0) {
    const from = Math.max(0, before - STEP_BYTES);
    const offset = Math.max(0, from - OWN_LINE_BYTES);
    const length = await readFully(transport, segment, offset, block.subarray(0, Math.min(block.length, end - offset)));
    const bytes = block.subarray(0, length);
    for (let at = bytes.lastIndexOf(needle, before - 1 - offset); at !== -1 && offset + at >= from; at = at === 0 ? -1 : bytes.lastIndexOf(needle, at - 1)) {
      const found = lineAround(bytes, at, offset, action);
      if (found !== undefined) yield found;
    }
    before = from;
  }
}

/** The line of ours that holds this byte; undefined where it is somebody's value that looks like one. */
function lineAround(bytes: Buffer, at: number, offset: number, action: string): FoundLine | undefined {
  const start = bytes.lastIndexOf(10, at) + 1;
  const lf = bytes.indexOf(10, at);
  if (lf === -1 || lf - start > OWN_LINE_BYTES || (start === 0 && offset > 0)) return undefined;
  const text = bytes.toString('utf8', start, lf);
  if (!/^_c\t\d+\t_s\t\d+\t_action\t/.test(text) || !/\t_crc\t[0-9a-f]{8}$/.test(text)) return undefined;
  const line = decodeLine(text);
  if (line.own.get('_action') !== action) return undefined;
  const trailer = lf + 1 - TRAILER_BYTES;
  if (!isRight(line, bytes, start, trailer)) return undefined;
  return { line, start: offset + start, end: offset + lf + 1, crc: trailerCrc(bytes, trailer) };
}

/** P6: a line that is found here and not by the chain is checked by itself, where it is a unit and these bytes tell what the chain is before it. */
function isRight(line: Line, bytes: Buffer, start: number, trailer: number): boolean {
  const fits = (seed: number) => chain(bytes.subarray(start, trailer), seed) === trailerCrc(bytes, trailer);
  const action = line.own.get('_action');
  const previous = line.own.get('_previous_crc') ?? '';
  if (action === 'open') return /^[0-9a-f]{8}$/.test(previous) && fits(parseInt(previous, 16));
  if (action !== 'horizon' || start < TRAILER_BYTES) return true;
  return findTrailer(bytes.subarray(start - TRAILER_BYTES, start), 0) === 0 && fits(trailerCrc(bytes, start - TRAILER_BYTES));
}

/** Fills the buffer unless the segment ends before. */
export async function readFully(transport: Readable, segment: string, offset: number, into: Buffer): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const read = await transport.read(segment, offset + filled, into.subarray(filled));
    if (read === 0) break;
    filled += read;
  }
  return filled;
}

/** The end of a unit that begins at `start`, with the whole of its last line: a commit line may name many tables. `piece` ends where the unit does. */
export async function withLastLine(transport: Transport, segment: string, piece: Buffer, start: number, end: number): Promise<Buffer> {
  let tail = piece;
  while (tail.lastIndexOf(10, tail.length - 2) === -1 && tail.length < end - start) {
    tail = Buffer.allocUnsafe(Math.min(end - start, tail.length * 2));
    await readFully(transport, segment, end - tail.length, tail);
  }
  return tail;
}

/** False where the segment's first line is not whole yet: a copy of it that has only begun. */
export async function hasOpenLine(transport: Transport, segment: string): Promise<boolean> {
  const bytes = Buffer.allocUnsafe(OPEN_LINE_BYTES);
  const length = await readFully(transport, segment, 0, bytes);
  return length === bytes.length || bytes.subarray(0, length).includes(10);
}

/** The segment's first line. Throws DeltaError log-damaged where it has none of ours. */
export async function readOpenLine(transport: Transport, segment: string): Promise<FoundLine> {
  const bytes = Buffer.allocUnsafe(OPEN_LINE_BYTES);
  const length = await readFully(transport, segment, 0, bytes);
  const found = lineAround(bytes.subarray(0, length), 0, 0, 'open');
  if (found === undefined) {
    throw new DeltaError('log-damaged', `${transport.place}/${segment}:0: does not begin with a whole open line`, { hint: `see: daystream verify ${transport.place}` });
  }
  return found;
}
