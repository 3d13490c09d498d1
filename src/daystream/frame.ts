/**
 * The plugin's lines behind their positions, as fast as bytes are moved: within one piece of
 * memory, where a line is found and moved without an object being made for it.
 */
const LF = 10;
const TAB = 9;
const ZERO = '0'.charCodeAt(0);
const UNDERSCORE = '_'.charCodeAt(0);
const LETTER_A = 'a'.charCodeAt(0);
const NINE = ZERO + 9;
/** What stands before a line: as long as `_c`, `_s` and two numbers are at most. */
export const STAMP_BYTES = 64;

/** A part of the memory. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

export interface Framed {
  readonly lines: number;
  /** Bytes of lines, and what they became. */
  readonly taken: number;
  readonly put: number;
}

/** `_action` begins a line that opens or closes a unit or stands alone. */
export function isBoundary(memory: Buffer, line: number): boolean {
  return memory[line + 1] === LETTER_A;
}

/** `_table`, `_schema` and `_xid` begin lines that stand within a unit. */
export function standsWithin(memory: Buffer, line: number): boolean {
  return memory[line] === UNDERSCORE && !isBoundary(memory, line);
}

/**
 * Puts lines that stand within a unit, of which each ends with LF, into the room, each behind
 * `head`, a number that rises from `sequence`, and a tab; up to the first that is none, or has no
 * room. That stamp is kept at `stamp` in the memory, and counts on there: a line is two moves of
 * bytes and one digit, which is quick also before the engine has compiled it.
 */
export function frame(memory: Buffer, lines: Extent, room: Extent, stamp: number, head: string, sequence: number): Framed {
  let number = sequence;
  let at = lines.start;
  let to = room.start;
  let stampEnd = writeStamp(memory, stamp, head, number + 1);
  while (at < lines.end && standsWithin(memory, at)) {
    const next = memory.indexOf(LF, at) + 1;
    if (to + stampEnd - stamp + next - at > room.end) break;
    memory.copyWithin(to, stamp, stampEnd);
    to += stampEnd - stamp;
    memory.copyWithin(to, at, next);
    to += next - at;
    at = next;
    number++;
    if (!countOn(memory, stampEnd - 2)) stampEnd = writeStamp(memory, stamp, head, number + 1);
  }
  return { lines: number - sequence, taken: at - lines.start, put: to - room.start };
}

function writeStamp(memory: Buffer, stamp: number, head: string, number: number): number {
  return stamp + memory.write(`${head}${number}\t`, stamp, 'latin1');
}

/** The number whose last digit is there becomes the next one; false where that has a digit more. */
function countOn(memory: Buffer, lastDigit: number): boolean {
  let digit = lastDigit;
  while (memory[digit] === NINE) memory[digit--] = ZERO;
  if (memory[digit] === TAB) return false;
  memory[digit]++;
  return true;
}
