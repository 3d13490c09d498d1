/** The bytes and the lines of a unit, in blocks: one block where the unit is small, read again from the log where it is large. */
import { readFully } from './backward.js';
import { DeltaError } from '../errors.js';
import { patiently } from './patience.js';
import type { Transport } from './transport.js';
import { chain, formatTrailer, TRAILER_BYTES, type Copy, type Epoch, type Transaction, type Unit } from './unit.js';

const BLOCK_BYTES = 1 << 20;
const LF = 10;
const NONE = Buffer.alloc(0);

/** Blocks of whole lines; a longer line is a block of its own. A block is good until the next one. Throws as `bytesOf` does. */
export async function* linesOf(transport: Transport, unit: Transaction | Copy | Epoch): AsyncGenerator<Buffer> {
  if (unit.body === undefined) yield* wholeLines(bodyOf(transport, unit));
  else yield unit.body;
}

/**
 * A unit's bytes, read again from the log. P6: another answer of a network may bring others, so each
 * piece is checked again before it is given out, and fetched again where it does not fit, as often as
 * the transport's patience is. Good until the next one. Throws DeltaError log-damaged.
 */
export async function* bytesOf(transport: Transport, unit: Unit): AsyncGenerator<Buffer> {
  if (unit.seed === undefined) return yield* uncheckedBytesOf(transport, unit);
  let { start, seed } = { start: unit.start, seed: unit.seed };
  let spare = NONE;
  for (const { end, crc } of [...(unit.pieces ?? []), { end: unit.end - TRAILER_BYTES, crc: unit.crc }]) {
    const length = end - start;
    let room = NONE;
    await patiently(transport, async () => {
      // Garbage of a megabyte each would stay until there is a lot of it; and where a read failed, something may still write to its memory.
      room = spare.length < length ? Buffer.allocUnsafe(Math.max(length, 2 * BLOCK_BYTES)) : spare;
      spare = NONE;
      const piece = await readPiece(transport, unit, start, room.subarray(0, length));
      if (chain(piece, seed) !== crc) throw damaged(transport, unit, start, 'reads otherwise than when it was checked');
    });
    yield room.subarray(0, length);
    spare = room;
    [start, seed] = [end, crc];
  }
  yield Buffer.from(formatTrailer(unit.crc));
}

/** Of the original format, which has nothing to check them by. */
async function* uncheckedBytesOf(transport: Transport, unit: Unit): AsyncGenerator<Buffer> {
  for (let start = unit.start; start < unit.end; start += BLOCK_BYTES) yield readPiece(transport, unit, start, Buffer.allocUnsafe(Math.min(BLOCK_BYTES, unit.end - start)));
}

async function readPiece(transport: Transport, unit: Unit, start: number, bytes: Buffer): Promise<Buffer> {
  const read = await readFully(transport, unit.segment, start, bytes);
  if (read < bytes.length) throw damaged(transport, unit, start + read, 'became shorter while it was read');
  return bytes;
}

/** Only what lies between the first line and the last. */
async function* bodyOf(transport: Transport, unit: Transaction | Copy | Epoch): AsyncGenerator<Buffer> {
  let offset = unit.start;
  for await (const bytes of bytesOf(transport, unit)) {
    const body = bytes.subarray(Math.max(0, unit.bodyStart - offset), Math.max(0, unit.bodyEnd - offset));
    offset += bytes.length;
    if (body.length > 0) yield body;
  }
}

async function* wholeLines(parts: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  for await (const bytes of parts) {
    let start = 0;
    if (begun.length > 0) {
      start = bytes.indexOf(LF) + 1;
      if (start > 0) yield Buffer.concat([...begun.splice(0), bytes.subarray(0, start)]);
    }
    const end = Math.max(start, bytes.lastIndexOf(LF) + 1);
    if (end > start) yield bytes.subarray(start, end);
    if (end < bytes.length) begun.push(Buffer.from(bytes.subarray(end))); // the piece is good until the next one
  }
}

function damaged(transport: Transport, unit: Unit, offset: number, reason: string): DeltaError {
  return new DeltaError('log-damaged', `${transport.place}/${unit.segment}:${offset}: ${reason}`, { hint: `see: daystream verify ${transport.place}` });
}
