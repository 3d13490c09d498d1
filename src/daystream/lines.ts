/** The lines within a unit, in blocks: one block where the unit is small, read again from the log where it is large. */
import { DeltaError } from '../errors.js';
import type { Transport } from './transport.js';
import type { Copy, Epoch, Transaction } from './unit.js';

const BLOCK_BYTES = 1 << 20;
const LF = 10;

/** Blocks of whole lines; a longer line is a block of its own. A block is good until the next one. */
export async function* linesOf(transport: Transport, unit: Transaction | Copy | Epoch): AsyncGenerator<Buffer> {
  if (unit.body !== undefined) {
    yield unit.body;
    return;
  }
  let block = Buffer.allocUnsafe(BLOCK_BYTES);
  let kept = 0;
  for (let offset = unit.bodyStart; offset < unit.bodyEnd;) {
    const room = block.subarray(kept, Math.min(block.length, kept + unit.bodyEnd - offset));
    const read = await transport.read(unit.segment, offset, room);
    if (read === 0) throw new DeltaError('log-damaged', `${transport.place}/${unit.segment}:${offset}: became shorter while it was read`);
    offset += read;
    const filled = kept + read;
    const lines = block.lastIndexOf(LF, filled - 1) + 1;
    if (lines > 0) yield block.subarray(0, lines);
    kept = filled - lines;
    if (lines === 0 && filled === block.length) block = Buffer.concat([block], block.length * 2);
    else block.copyWithin(0, lines, filled);
  }
}
