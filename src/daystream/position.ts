import { DeltaError } from '../errors.js';

/** A line's place in the log: whole seconds since 1970 UTC, and the sequence within that second (docs/format.md §1). */
export interface Position {
  readonly clock: number;
  readonly sequence: number;
}

/** The position before every line: what the first segment names as its predecessor. */
export const ORIGIN: Position = { clock: 0, sequence: 0 };

export function parsePosition(text: string): Position {
  const match = /^(\d{1,12}):(\d{1,15})$/.exec(text);
  if (match === null) {
    throw new DeltaError('usage', `position "${text}" is malformed`, { hint: 'write clock:sequence, like 1507507200:0' });
  }
  return { clock: Number(match[1]), sequence: Number(match[2]) };
}

export function formatPosition(position: Position): string {
  return `${position.clock}:${position.sequence}`;
}

/** Negative, zero or positive, as `a` is before, at or behind `b`. */
export function comparePositions(a: Position, b: Position): number {
  return a.clock - b.clock || a.sequence - b.sequence;
}

/** True where `next` may be the line right behind `previous`. */
export function follows(previous: Position, next: Position): boolean {
  return next.clock === previous.clock ? next.sequence === previous.sequence + 1 : next.clock > previous.clock && next.sequence === 0;
}
