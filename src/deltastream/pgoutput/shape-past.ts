/** Which transactions of Postgres the log is past: it has all they wrote above the line at hand. */
import type { Lsn } from '../../daystream/lsn.js';
import type { Snapshot } from '../../daystream/snapshot.js';
import type { Sight } from '../../postgres/shape-source.js';

const RAW_XIDS = 1n << 32n;
/** What is below was there before any transaction, or is frozen. */
const FIRST_XID = 3;

export class Past {
  #snapshot: Snapshot | undefined;
  /** Snapshots that see more than the log has, in the order in which they were taken. */
  #ahead: Sight[] = [];
  /** Raw xids of transactions that came. */
  readonly #came = new Set<number>();

  /** A snapshot that was taken now; the log is past what it sees when it has come to its LSN. */
  saw({ snapshot, lsn }: Sight): void {
    this.#ahead.push({ snapshot, lsn });
  }

  /** The log is past all that this one sees. */
  knows(snapshot: Snapshot): void {
    if (this.#snapshot !== undefined && this.#snapshot.xmin > snapshot.xmin) return;
    this.#snapshot = snapshot;
    for (const raw of this.#came) if (isIn(snapshot, raw)) this.#came.delete(raw);
  }

  reached(lsn: Lsn): void {
    let last: Sight | undefined;
    while (this.#ahead.length > 0 && this.#ahead[0].lsn <= lsn) last = this.#ahead.shift();
    if (last !== undefined) this.knows(last.snapshot);
  }

  /** The transaction stands in the log. */
  came(xid: bigint): void {
    this.#came.add(rawXid(xid));
  }

  /** Those of the writers of which the log may not have what they wrote. */
  lacks(writers: readonly number[], own: bigint): number[] {
    return writers.filter((writer) => writer !== rawXid(own) && !this.#came.has(writer) && !isIn(this.#snapshot, writer));
  }
}

/**
 * True where the snapshot surely sees the transaction, or the subtransaction, that has this raw xid. A
 * snapshot lists the top-level transactions that run, and rows of the catalog bear the xids of
 * subtransactions, which are above that of theirs: below the oldest that runs there are none of it.
 */
export function isIn(snapshot: Snapshot | undefined, raw: number): boolean {
  if (raw < FIRST_XID) return true;
  if (snapshot === undefined) return false;
  // The nearest to the snapshot's end: what describes a table may be younger than the snapshot.
  return snapshot.xmax + BigInt.asIntN(32, BigInt(raw) - snapshot.xmax) < snapshot.xmin;
}

export function rawXid(xid: bigint): number {
  return Number(xid % RAW_XIDS);
}
