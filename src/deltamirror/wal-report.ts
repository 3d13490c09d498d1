/** What is told of a WAL that readers keep from being used again: that it is so, now and then while it is, and its end. */
import { durationText, sizeText } from '../cli.js';
import type { Wal } from '../sqlite/checkpoints.js';

const AFTER_MS = 60_000;
const EVERY_MS = 600_000;

export class WalReport {
  #heldMs: number | undefined;
  #toldMs: number | undefined;
  #problem: string | undefined;

  /** Lines to be told now. */
  looked(wal: Wal): string[] {
    return [...this.#held(wal), ...this.#failed(wal)];
  }

  #held({ bytes, heldMs, readers }: Wal): string[] {
    const before = this.#heldMs;
    this.#heldMs = heldMs;
    if (heldMs === undefined) {
      const wasTold = this.#toldMs !== undefined;
      this.#toldMs = undefined;
      return wasTold ? [`no reader keeps the WAL any more, after ${durationText(before! / 1000)}; its file has ${sizeText(bytes)}`] : [];
    }
    if (heldMs < (this.#toldMs === undefined ? AFTER_MS : this.#toldMs + EVERY_MS)) return [];
    this.#toldMs = heldMs;
    return [heldText(bytes, heldMs, readers())];
  }

  #failed({ problem }: Wal): string[] {
    const isNew = problem !== undefined && problem !== this.#problem;
    this.#problem = problem;
    return isNew ? [`the WAL cannot be written into the cache, and grows: ${problem}`] : [];
  }
}

/** `the WAL grows, 1.2 GB by now: …`. */
export function heldText(bytes: number, heldMs: number, pids: readonly number[]): string {
  const who = pids.length === 0 ? '' : `; in one now: pid ${pids.join(', ')}`;
  return `the WAL grows, ${sizeText(bytes)} by now: for ${durationText(heldMs / 1000)} readers in long transactions have kept it from being used again${who}`;
}
