/** The bytes and the lines of a unit, in blocks: one block where the unit is small, read again from the log where it is large. */
import { DeltaError } from '../errors.js';
import type { Transport } from './transport.js';
import { chain, TRAILER_BYTES, type Copy, type Epoch, type Transaction, type Unit } from './unit.js';

const BLOCK_BYTES = 1 << 20;
const LF = 10;

/** Blocks of whole lines; a longer line is a block of its own. A block is good until the next one. Throws as `bytesOf` does. */
export async function* linesOf(transport: Transport, unit: Transaction | Copy | Epoch): AsyncGenerator<Buffer> {
  if (unit.body === undefined) yield* wholeLines(bodyOf(transport, unit));
  else yield unit.body;
}

/**
 * A unit's bytes, read again from the log: for each block the end of those that were read. P6: they are
 * checked again, since another answer of a network may bring others, and the last ones are not given out
 * unless the chain fits. Throws DeltaError log-damaged.
 */
export async function* bytesOf(transport: Transport, unit: Unit): AsyncGenerator<Buffer> {
  const block = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, unit.end - unit.start));
  const checked = unit.end - TRAILER_BYTES;
  let crc = unit.seed;
  for (let offset = unit.start; offset < unit.end;) {
    const read = await transport.read(unit.segment, offset, block.subarray(0, Math.min(block.length, unit.end - offset)));
    const bytes = block.subarray(0, read);
    if (read === 0) throw damaged(transport, unit, offset, 'became shorter while it was read');
    if (crc !== undefined) crc = chain(bytes.subarray(0, Math.max(0, checked - offset)), crc);
    offset += read;
    if (crc !== undefined && offset === unit.end && crc !== unit.crc) throw damaged(transport, unit, unit.start, 'reads otherwise than when it was checked');
    yield bytes;
  }
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
  let block = Buffer.allocUnsafe(2 * BLOCK_BYTES);
  let kept = 0;
  for await (const bytes of parts) {
    while (kept + bytes.length > block.length) block = Buffer.concat([block], block.length * 2);
    bytes.copy(block, kept);
    const filled = kept + bytes.length;
    let start = 0;
    if (kept >= BLOCK_BYTES) {
      start = block.subarray(0, filled).indexOf(LF, kept) + 1;
      if (start > 0) yield block.subarray(0, start);
    }
    const end = block.lastIndexOf(LF, filled - 1) + 1;
    if (end > start) yield block.subarray(start, end);
    kept = filled - end;
    block.copyWithin(0, end, filled);
  }
}

function damaged(transport: Transport, unit: Unit, offset: number, reason: string): DeltaError {
  return new DeltaError('log-damaged', `${transport.place}/${unit.segment}:${offset}: ${reason}`, { hint: `see: daystream verify ${transport.place}` });
}
