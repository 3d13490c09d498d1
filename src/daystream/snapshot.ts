import { DeltaError } from '../errors.js';

/** What a transaction of Postgres can see; the text form is that of `pg_current_snapshot()`. */
export interface Snapshot {
  /** Every transaction below is visible or rolled back. */
  readonly xmin: bigint;
  /** No transaction from here on is visible. */
  readonly xmax: bigint;
  /** Those between that were running, so not visible. */
  readonly running: ReadonlySet<bigint>;
}

export function parseSnapshot(text: string): Snapshot {
  const match = /^(\d+):(\d+):((?:\d+(?:,\d+)*)?)$/.exec(text);
  if (match === null) throw new DeltaError('postgres', `snapshot "${text}" is malformed`);
  return {
    xmin: BigInt(match[1]),
    xmax: BigInt(match[2]),
    running: new Set(match[3] === '' ? [] : match[3].split(',').map(BigInt)),
  };
}

/** True where the snapshot sees the commit of this 64-bit transaction id. */
export function isVisible(snapshot: Snapshot, xid: bigint): boolean {
  if (xid < snapshot.xmin) return true;
  return xid < snapshot.xmax && !snapshot.running.has(xid);
}

/** True where all that `inner` sees, `outer` sees too (design: the import's join by visibility). */
export function contains(outer: Snapshot, inner: Snapshot): boolean {
  if (inner.xmax > outer.xmax) return false;
  for (const xid of outer.running) {
    if (isVisible(inner, xid)) return false;
  }
  return true;
}
