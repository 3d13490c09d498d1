/**
 * Horizons (docs/format.md §4). Each begins with a keepalive that was asked for: what the server
 * says there, that all before an LSN has been sent, is what lets an idle slot advance.
 */
import type { Lsn } from '../daystream/lsn.js';
import type { Writer } from '../daystream/writer.js';
import type { ReplicationMessage, ReplicationStream } from '../postgres/replication.js';
import type { Beside } from './beside.js';

export const HORIZON_INTERVAL_MS = 10_000;
/** When a transaction in the log was not yet visible, as behind a synchronous standby. */
export const HORIZON_RETRY_MS = 200;

type Keepalive = Extract<ReplicationMessage, { kind: 'keepalive' }>;

export class Horizons {
  readonly #stream: ReplicationStream;
  readonly #beside: Beside;
  #timer: NodeJS.Timeout | undefined;
  #asked = false;
  #due = false;
  #lsn: Lsn = 0n;
  #timestampUs = 0n;

  /** Asks for the first one at once. */
  constructor(stream: ReplicationStream, beside: Beside) {
    this.#stream = stream;
    this.#beside = beside;
    this.#schedule(0);
  }

  /** True when one can be written, as soon as no transaction is open. */
  get due(): boolean {
    return this.#due;
  }

  /** Takes a keepalive, after every message that came before it. */
  heard(keepalive: Keepalive): void {
    this.#lsn = keepalive.lsn;
    this.#timestampUs = keepalive.timestampUs;
    this.#due ||= this.#asked;
  }

  /** Writes one. Between the call and its end nothing may be appended: the snapshot is taken after all that is in the log. */
  async write(writer: Writer): Promise<void> {
    this.#asked = this.#due = false;
    const snapshot = await this.#beside.snapshot();
    const seen = writer.horizon(this.#lsn, this.#timestampUs, snapshot);
    this.#schedule(snapshot === undefined || seen ? HORIZON_INTERVAL_MS : HORIZON_RETRY_MS);
  }

  /** Writes the next one as soon as the server has answered. */
  hasten(): void {
    this.#schedule(0);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#asked = true;
      this.#stream.askKeepalive();
    }, delayMs);
  }
}
