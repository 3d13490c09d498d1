/**
 * Group commit: one sync at a time, and while it runs the next group gathers. What comes in
 * during a slow sync is therefore one group, however many transactions it is.
 */
import type { Lsn } from '../daystream/lsn.js';
import type { Writer } from '../daystream/writer.js';

/** So much is synced at once whatever the interval: less is lost, and the next sync is not long. */
const GROUP_LIMIT_BYTES = 8 * 1024 * 1024;

/** Who is told what becomes of it. */
export interface Heard {
  /** Every LSN that has become durable. */
  readonly durable: (lsn: Lsn) => void;
  /** That `check` will throw. */
  readonly failed: () => void;
  /** How long a sync took. */
  readonly synced: (seconds: number) => void;
}

export class Committer {
  readonly #writer: Writer;
  readonly #intervalMs: number;
  readonly #heard: Heard;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dirty = false;
  #syncedBytes = 0;
  #startedMs = -Infinity;
  #failure: unknown;

  constructor(writer: Writer, intervalMs: number, heard: Heard) {
    this.#writer = writer;
    this.#intervalMs = intervalMs;
    this.#heard = heard;
  }

  /** Something was written. Syncs at once, or when the sync under way or the interval is over. */
  commit(): void {
    this.#dirty = true;
    this.#schedule();
  }

  /** Within a transaction: its end is not to wait for all of its bytes. */
  ease(): void {
    if (this.#unsyncedBytes >= GROUP_LIMIT_BYTES) this.commit();
  }

  /** Throws what a sync has failed with. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Syncs what is left, whatever the interval, and throws where that fails. */
  async finish(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#running;
    clearTimeout(this.#timer);
    this.check();
    if (this.#dirty) await this.#sync();
    this.check();
  }

  #schedule(): void {
    if (this.#running !== undefined || !this.#dirty || this.#failure !== undefined) return;
    const waitMs = this.#startedMs + this.#intervalMs - performance.now();
    clearTimeout(this.#timer);
    if (waitMs > 0 && this.#unsyncedBytes < GROUP_LIMIT_BYTES) {
      this.#timer = setTimeout(() => this.#schedule(), waitMs);
      return;
    }
    this.#running = this.#sync().then(() => {
      this.#running = undefined;
      this.#schedule();
    });
  }

  get #unsyncedBytes(): number {
    return this.#writer.stats.bytes - this.#syncedBytes;
  }

  async #sync(): Promise<void> {
    this.#dirty = false;
    this.#startedMs = performance.now();
    const { bytes } = this.#writer.stats;
    try {
      // P2: an LSN is told to Postgres here and nowhere else, after data and folder are synced.
      this.#heard.durable(await this.#writer.sync());
      this.#heard.synced((performance.now() - this.#startedMs) / 1000);
      this.#syncedBytes = bytes;
    } catch (failure) {
      this.#failure = failure;
      this.#heard.failed();
    }
  }
}
