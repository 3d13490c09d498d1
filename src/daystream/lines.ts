/** The lines of a transaction, in blocks: one block where the transaction is small, read again from the log where it is large. */
import { DeltaError } from '../errors.js';
import type { Transport } from './transport.js';
import type { Transaction } from './unit.js';

const BLOCK_BYTES = 1 << 20;
const LF = 10;

/** Blocks of whole lines; a longer line is a block of its own. A block is good until the next one. */
export async function* linesOf(transport: Transport, transaction: Transaction): AsyncGenerator<Buffer> {
  if (transaction.body !== undefined) {
    yield transaction.body;
    return;
  }
  let block = Buffer.allocUnsafe(BLOCK_BYTES);
  let kept = 0;
  for (let offset = transaction.bodyStart; offset < transaction.bodyEnd;) {
    const room = block.subarray(kept, Math.min(block.length, kept + transaction.bodyEnd - offset));
    const read = await transport.read(transaction.segment, offset, room);
    if (read === 0) throw new DeltaError('log-damaged', `${transport.place}/${transaction.segment}:${offset}: became shorter while it was read`);
    offset += read;
    const filled = kept + read;
    const lines = block.lastIndexOf(LF, filled - 1) + 1;
    if (lines > 0) yield block.subarray(0, lines);
    kept = filled - lines;
    if (lines === 0 && filled === block.length) block = Buffer.concat([block], block.length * 2);
    else block.copyWithin(0, lines, filled);
  }
}
