import { isVisible, parseSnapshot } from './snapshot.js';

/** More than can commit between two horizons; beyond it only the greatest id is kept. */
const LIMIT = 1_000_000;

/** The transactions in the log that no snapshot has been known to see yet (docs/format.md §4). */
export class Unseen {
  #xids: bigint[] = [];
  /** The greatest id of those that were dropped at the limit; all of them are below it. */
  #ceiling = 0n;

  add(xid: bigint): void {
    this.#xids.push(xid);
    if (this.#xids.length <= LIMIT) return;
    for (const each of this.#xids) if (each > this.#ceiling) this.#ceiling = each;
    this.#xids = [];
  }

  /** True where the snapshot (its text) sees all of them; forgets those that it sees. */
  allVisible(text: string): boolean {
    const snapshot = parseSnapshot(text);
    this.#xids = this.#xids.filter((xid) => !isVisible(snapshot, xid));
    if (this.#ceiling < snapshot.xmin) this.#ceiling = 0n;
    return this.#xids.length === 0 && this.#ceiling === 0n;
  }
}
