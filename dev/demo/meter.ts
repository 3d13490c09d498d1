/**
 * The demo's clock and its window: how long after its COMMIT went out a transaction can be read
 * in the SQLite file, by a reader of that file like any other.
 */

/** How often the reader looks; a lag is at most this much less than shown. */
const LOOK_EVERY_MS = 1;
const WINDOW_MS = 5_000;

interface Sweep {
  readonly id: number;
  readonly rows: number;
  readonly sentMs: number;
}

export interface Reading {
  /** Rows that became visible, a second, over the last seconds. */
  readonly rowsPerSecond: number;
  /** Milliseconds from COMMIT to visible, over the last seconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export class Meter {
  readonly #newest: () => number;
  readonly #startedMs = performance.now();
  readonly #underWay: Sweep[] = [];
  #arrived: { atMs: number; lagMs: number; rows: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #rows = 0;

  /** `newest` is the number of the newest sweep that can be read now. */
  constructor(newest: () => number) {
    this.#newest = newest;
    this.#look();
  }

  /** Rows seen to arrive, in all. */
  get rows(): number { return this.#rows; }

  committing(id: number, rows: number): void {
    this.#underWay.push({ id, rows, sentMs: performance.now() });
  }

  read(): Reading {
    const now = performance.now();
    this.#arrived = this.#arrived.filter(({ atMs }) => now - atMs < WINDOW_MS);
    const lags = this.#arrived.map(({ lagMs }) => lagMs).sort((a, b) => a - b);
    const seconds = Math.min(WINDOW_MS, now - this.#startedMs) / 1000;
    return {
      rowsPerSecond: this.#arrived.reduce((sum, { rows }) => sum + rows, 0) / seconds,
      p50Ms: lags[Math.floor(lags.length * 0.5)] ?? 0,
      p99Ms: lags[Math.floor(lags.length * 0.99)] ?? 0,
    };
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    const visible = this.#newest();
    const now = performance.now();
    while (this.#underWay.length > 0 && this.#underWay[0].id <= visible) {
      const { rows, sentMs } = this.#underWay.shift()!;
      this.#arrived.push({ atMs: now, lagMs: now - sentMs, rows });
      this.#rows += rows;
    }
    this.#timer = setTimeout(() => this.#look(), LOOK_EVERY_MS);
  }
}
