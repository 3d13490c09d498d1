/**
 * The plugin's lines behind their positions, as fast as bytes are moved: within one piece of
 * memory, where a line is found and moved without an object being made for it.
 */
const LF = 10;
const TAB = 9;
const ZERO = '0'.charCodeAt(0);
const UNDERSCORE = '_'.charCodeAt(0);
const LETTER_A = 'a'.charCodeAt(0);
const INTEGER_LIMIT = 2 ** 31;
/** Of a sequence, and the tab behind it. */
const NUMBER_BYTES = 17;

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
 * `head` and a number that rises from `sequence`; up to the first that is none, or has no room.
 */
export function frame(memory: Buffer, lines: Extent, room: Extent, head: Buffer, sequence: number): Framed {
  let number = sequence;
  let at = lines.start;
  let to = room.start;
  while (at < lines.end && standsWithin(memory, at)) {
    const next = memory.indexOf(LF, at) + 1;
    if (to + head.length + NUMBER_BYTES + next - at > room.end) break;
    for (let i = 0; i < head.length; i++) memory[to++] = head[i];
    to = putNumber(memory, to, ++number);
    memory[to++] = TAB;
    memory.copyWithin(to, at, next);
    to += next - at;
    at = next;
  }
  return { lines: number - sequence, taken: at - lines.start, put: to - room.start };
}

function putNumber(memory: Buffer, to: number, number: number): number {
  if (number >= INTEGER_LIMIT) return to + memory.write(String(number), to, 'latin1');
  let end = to + 1;
  for (let rest = number; rest >= 10; rest = (rest / 10) | 0) end++;
  for (let i = end - 1, rest = number; i >= to; i--, rest = (rest / 10) | 0) memory[i] = ZERO + rest % 10;
  return end;
}
