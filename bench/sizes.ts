/** How much is measured. The full sizes are the ones the requirements speak of; the small ones only show that everything works. */
export interface Sizes {
  /** Rows of the table. */
  readonly rows: number;
  /** Repeats of each measurement. */
  readonly runs: number;
  /** Of the latency measurement. */
  readonly seconds: number;
  readonly transactionsPerSecond: number;
  /** Rows of the one large transaction of the memory measurement. */
  readonly transactionRows: number;
}

export const FULL: Sizes = { rows: 1_000_000, runs: 5, seconds: 20, transactionsPerSecond: 1000, transactionRows: 10_000_000 };
export const QUICK: Sizes = { rows: 20_000, runs: 2, seconds: 2, transactionsPerSecond: 100, transactionRows: 40_000 };

/** Half of the rows are updated, in transactions of 500: 1,000 of them at full size. */
export const UPDATES_PER_TRANSACTION = 500;

export function transactionsOf({ rows }: Sizes): number {
  return Math.max(1, Math.floor(rows / 2 / UPDATES_PER_TRANSACTION));
}

export function updatesOf(sizes: Sizes): number {
  return transactionsOf(sizes) * UPDATES_PER_TRANSACTION;
}
