/**
 * What Postgres has to send again after a restart: the transactions of the log behind the
 * LSN that it was told to forget up to. They are dropped, but only as the very ones that
 * the log has. A server that was restored from a backup, or that lost commits, sends
 * others or leaves some out, and its new commits would pass for repeats (P1).
 */
import { DeltaError } from '../errors.js';
import { linesBackward } from './backward.js';
import { parseLsn, type Lsn } from './lsn.js';
import { reconcileHint } from './reconcile-hint.js';
import { text } from './segment.js';
import type { Transport } from './transport.js';

export class Repeats {
  readonly #place: string;
  /** By xid and end of the commit record: whether the transaction has rows. One without may be left out, as when another message prefix is asked for. */
  readonly #expected: Map<string, boolean>;

  private constructor(place: string, expected: Map<string, boolean>, private readonly slot: string) {
    this.#place = place;
    this.#expected = expected;
  }

  /** The transactions of the log whose commit record ends behind `confirmed`. */
  static async read(transport: Transport, confirmed: Lsn, slot: string): Promise<Repeats> {
    const expected = new Map<string, boolean>();
    for (const segment of (await transport.list()).reverse()) {
      for await (const { line } of linesBackward(transport, segment, 'commit', await transport.size(segment))) {
        // What stands above an epoch is of another history, which sends nothing any more.
        if (!line.own.has('_xid')) return new Repeats(transport.place, expected, slot);
        const lsn = text(line, '_lsn');
        if (parseLsn(lsn) <= confirmed) return new Repeats(transport.place, expected, slot);
        expected.set(keyOf(text(line, '_xid'), lsn), text(line, '_rows') !== '0');
      }
    }
    return new Repeats(transport.place, expected, slot);
  }

  /**
   * Takes the commit of a transaction that was dropped. Throws DeltaError log-foreign where
   * it has rows and the log does not have it; without rows it may be new, as when more
   * message prefixes are asked for.
   */
  take(xid: string, lsn: string, hasRows: boolean): void {
    if (!this.#expected.delete(keyOf(xid, lsn)) && hasRows) {
      throw this.#lost(`Postgres sends transaction ${xid} (${lsn}), which is not in the log, at a place that the log is past`);
    }
  }

  /** True where no transaction with rows has yet to come again. */
  get isComplete(): boolean {
    for (const hasRows of this.#expected.values()) if (hasRows) return false;
    return true;
  }

  /** All that had to come again has come. Throws DeltaError log-foreign where a transaction with rows did not. */
  requireComplete(): void {
    for (const [key, hasRows] of this.#expected) {
      if (hasRows) throw this.#lost(`holds transaction ${key.replace('@', ' (')}), which Postgres does not have`);
    }
  }

  #lost(what: string): DeltaError {
    return new DeltaError('log-foreign', `${this.#place}: ${what}: the server was restored, or lost commits in a failover`, {
      hint: reconcileHint(this.slot, this.#place),
    });
  }
}

function keyOf(xid: string, lsn: string): string {
  return `${xid}@${lsn}`;
}
