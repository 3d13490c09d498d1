/** One line of the result: the same thing measured some times, and what it has to be. */
export interface Figure {
  readonly benchmark: string;
  readonly what: string;
  readonly unit: Unit;
  readonly values: readonly number[];
  readonly requirement?: Requirement;
  /** Where on a growth curve it lies. */
  readonly at?: { readonly of: Axis; readonly value: number };
}

/** What grows. */
export type Axis = 'rows' | 'tables' | 'rows a transaction';

/** `×` is a ratio: each value is of one run, in which both sides were measured one right after the other. */
export type Unit = 's' | 'ms' | 'lines' | 'rows/s' | 'tx/s' | 'MB' | 'GB/s' | '×';

export interface Requirement {
  readonly kind: 'at most' | 'at least' | 'below';
  readonly limit: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The smallest value that `share` (0 to 1) of the values do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** Whether the median is what it has to be; undefined where nothing is required. */
export function isMet({ values, requirement }: Figure): boolean | undefined {
  if (requirement === undefined) return undefined;
  const value = median(values);
  switch (requirement.kind) {
    case 'at most': return value <= requirement.limit;
    case 'at least': return value >= requirement.limit;
    case 'below': return value < requirement.limit;
  }
}
