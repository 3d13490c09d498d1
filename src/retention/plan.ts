/** What of a log may go: its oldest segments, up to the first one that somebody still needs. */
import { comparePositions, formatPosition, type Position } from '../daystream/position.js';
import type { Standing } from '../daystream/hosts.js';

/** A segment and the position of its last line; the newest has no end yet. */
export interface Held {
  readonly segment: string;
  readonly end: Position | undefined;
}

/** Who needs the log, as a person would say it, and from where on. */
export interface Need extends Standing {
  readonly who: string;
}

export interface Decision {
  readonly segment: string;
  /** Why it stays; undefined where it may go. */
  readonly kept: string | undefined;
}

/**
 * One decision for each segment, the oldest first. A log has no holes: behind the first that stays
 * all stay. `from` is the clock from which on everything is kept for its age alone, `age` its words.
 */
export function plan(segments: readonly Held[], needs: readonly Need[], from: number, age: string): Decision[] {
  let staying: string | undefined;
  return segments.map(({ segment, end }) => {
    staying = staying === undefined ? reasonToKeep(segment, end, needs, from, age) : reasonToKeep(segment, end, needs, from, age) ?? 'stands behind one that stays';
    return { segment, kept: staying };
  });
}

function reasonToKeep(segment: string, end: Position | undefined, needs: readonly Need[], from: number, age: string): string | undefined {
  if (end === undefined) return 'the newest';
  const needing = needs.filter((need) => isNeeded(segment, end, need));
  if (end.clock >= from) return age;
  if (needing.length === 0) return undefined;
  const [first, ...others] = needing;
  return `${first.who} needs it${standing(first)}${others.length === 0 ? '' : `, and ${others.length} more`}`;
}

/** What stands at the segment's very end goes on in the next one, whose open line names that end. */
function isNeeded(segment: string, end: Position, { position, segment: from }: Need): boolean {
  if (from !== undefined) return segment >= from;
  return position === undefined || comparePositions(end, position) > 0;
}

function standing({ position, segment }: Need): string {
  if (position !== undefined) return `, from ${formatPosition(position)} on`;
  return segment === undefined ? ': it has not said where it stands' : `, from ${segment} on`;
}
