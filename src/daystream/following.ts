/** What a log carries, as its horizons state it (docs/format.md §4): which tables, and under which names. */
import type { Line, Pair } from './codec.js';

/** `root`: a partition's rows go by the name of its root; `leaf`: by its own. */
export type Partitions = 'root' | 'leaf';

export interface Following {
  /** Patterns of the tables that are followed; undefined: every table. */
  readonly tables: string | undefined;
  readonly partitions: Partitions;
}

export const EVERYTHING: Following = { tables: undefined, partitions: 'root' };

/** Of a horizon line. */
export function followingOf(line: Line): Following {
  return { tables: line.own.get('_tables') ?? undefined, partitions: line.own.get('_partitions') === 'leaf' ? 'leaf' : 'root' };
}

/** What a horizon line has of it. */
export function followingPairs({ tables, partitions }: Following): Pair[] {
  return [
    ...(tables === undefined ? [] : [['_tables', tables] as const]),
    ...(partitions === 'root' ? [] : [['_partitions', partitions] as const]),
  ];
}

export function isSameFollowing(a: Following, b: Following): boolean {
  return a.tables === b.tables && a.partitions === b.partitions;
}
