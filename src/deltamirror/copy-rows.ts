/** The rows of a copy's part (docs/format.md, "Copy"), all of them inserts. */
import type { Position } from '../daystream/position.js';
import { DeltaError } from '../errors.js';
import { NATIVE_BLOCK_BYTES } from '../sqlite/native-lines.js';
import { prefixOf } from './limits.js';
import { tableOf, type Plans } from './plans.js';
import type { TableWriter } from './table.js';

const INSERT = '\t_action\tinsert\t';
const LF = 10;

/** Gives their number. The native engine goes on behind a line that TypeScript has done, for this writer alone: the table's own lines are applied otherwise. */
export function takeRows(writer: TableWriter, block: Buffer, first: Position, plans: Plans | undefined): number {
  const prefix = prefixOf(first);
  if (plans === undefined || writer.planned === undefined || block.length > NATIVE_BLOCK_BYTES) return takeText(writer, block.toString('utf8'), prefix);
  plans.forget();
  try {
    return takeBoth(writer, block, prefix, plans);
  } finally {
    plans.forget();
  }
}

function takeBoth(writer: TableWriter, block: Buffer, prefix: string, plans: Plans): number {
  const prefixBytes = Buffer.from(prefix);
  let count = 0;
  for (let at = 0; at < block.length;) {
    const end = block.indexOf(LF, at) + 1 || block.length;
    const line = block.toString('utf8', at, end);
    count += takeText(writer, line, prefix);
    plans.learn(tableOf(line.slice(line.indexOf('\t', prefix.length) + 1)), writer, 'insert');
    const done = plans.native.rows(block, end, prefixBytes);
    count += done.lines;
    at = end + done.bytes;
  }
  return count;
}

function takeText(writer: TableWriter, lines: string, prefix: string): number {
  let count = 0;
  for (let at = 0; at < lines.length; count++) {
    const end = lines.indexOf('\n', at);
    const start = lines.startsWith(prefix, at) ? lines.indexOf(INSERT, at) : -1;
    if (start === -1 || start > end) throw new DeltaError('log-damaged', 'a line of a copy is no insert');
    writer.insert(lines, start + INSERT.length, end);
    at = end + 1;
  }
  return count;
}
