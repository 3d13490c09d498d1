/** What the lines of a unit are held to. */
import { constants } from 'node:buffer';
import { decodeLine, type Line } from '../daystream/codec.js';
import type { Position } from '../daystream/position.js';
import type { Copy, Epoch, Transaction } from '../daystream/unit.js';
import { DeltaError } from '../errors.js';
import type { CacheTable } from '../sqlite/tables.js';
import { TableFault } from './fault.js';

/** What fits in a string of JavaScript, were it all ASCII. */
export const LINE_LIMIT_BYTES = constants.MAX_STRING_LENGTH;
/** Position, table and action of a line are far shorter. */
const HEAD_BYTES = 4096;

/** What a line says before its columns. */
export function headOf(line: Buffer): Line {
  return decodeLine(line.toString('utf8', 0, HEAD_BYTES).replace(/(\t_action\t[a-z]+)\t[^]*$/, '$1'));
}

export function tooLong(table: CacheTable, bytes: number): TableFault {
  return new TableFault(table, `a row takes ${bytes} bytes in the log, more than the ${LINE_LIMIT_BYTES} that a mirror takes`);
}

/** What each line of a unit begins with, up to its sequence. */
export function prefixOf({ clock }: Position): string {
  return `_c\t${clock}\t_s\t`;
}

/** Throws DeltaError log-damaged where a unit had another number of lines than its positions say. */
export function requireLines(unit: Transaction | Copy | Epoch, lines: number, place: string): void {
  if (lines === unit.last.sequence - unit.first.sequence - 1) return;
  throw new DeltaError('log-damaged', `${place}: the ${unit.kind} has ${lines} lines, its positions say otherwise`);
}
