/**
 * What a remote place does to its readers: it fails, and comes again. Before it has ever
 * answered a failure is an error, since an address may be wrong; from then on it is waited for.
 */
import { backoffMs, pause } from '../backoff.js';
import { DeltaError } from '../../errors.js';

export interface Waiting {
  /** Told once that a place is waited for and why, and once that it is there again. */
  readonly tell?: (text: string) => void;
  readonly signal?: AbortSignal;
  /** Milliseconds to wait behind so many failures. */
  readonly backoffMs?: (failures: number) => number;
}

/** An answer that is cut on the way proves nothing about the address. */
const FIRST_CUTS = 5;

export class Retries {
  readonly #place: string;
  readonly #waiting: Waiting;
  #isKnown = false;
  #isTold = false;
  #failures = 0;

  constructor(place: string, waiting: Waiting) {
    this.#place = place;
    this.#waiting = waiting;
  }

  /** Something came that was asked for. */
  progress(): void {
    this.#isKnown = true;
    this.#failures = 0;
    if (this.#isTold) this.#waiting.tell?.(`${this.#place} answers again`);
    this.#isTold = false;
  }

  /** Waits before the next attempt. Throws DeltaError connection where nothing ever came, the signal's reason where it is aborted. */
  async failed(reason: string, kind: 'cut' | 'wrong', hint: string): Promise<void> {
    const { signal, tell } = this.#waiting;
    signal?.throwIfAborted();
    this.#failures++;
    if (!this.#isKnown && (kind === 'wrong' || this.#failures > FIRST_CUTS)) {
      throw new DeltaError('connection', `${this.#place}: ${reason}`, { hint });
    }
    // Connections are cut all the time, and what comes behind goes on where they were: one word would be one too many.
    if (!this.#isTold && (kind === 'wrong' || this.#failures > 1)) {
      tell?.(`waiting for ${this.#place}: ${reason}; trying again`);
      this.#isTold = true;
    }
    await pause((this.#waiting.backoffMs ?? backoffMs)(this.#failures), signal);
  }
}
