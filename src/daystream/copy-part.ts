/** A part of a table's copy as the writer takes it, and its first and last line (docs/format.md §3). */
import { encodePairs } from './codec.js';
import type { Need } from './due.js';
import { formatLsn, type Lsn } from './lsn.js';

export interface CopyPart extends Need {
  /** Microseconds since 1970 when the copy began; unique in the log. */
  readonly id: string;
  readonly part: number;
  /** In part 0, unless the copy is refused. */
  readonly snapshot?: string;
  /** Whole lines, each with its line feed, without positions. */
  readonly body: Buffer;
  readonly rows: number;
  readonly isLast: boolean;
}

export function copyLine({ id, part, snapshot, to }: CopyPart, lsn: Lsn): Buffer {
  return Buffer.from(encodePairs([
    ['_action', 'copy'], ['_copy', id], ['_part', String(part)], ['_lsn', formatLsn(lsn)],
    ...(snapshot === undefined ? [] : [['_snapshot', snapshot] as const]),
    ...(part !== 0 || to === undefined ? [] : [['_to', to] as const]),
  ]));
}

export function copiedLine({ id, part, rows, isLast }: CopyPart): Buffer {
  return Buffer.from(encodePairs([
    ['_action', 'copied'], ['_copy', id], ['_part', String(part)], ['_rows', String(rows)],
    ...(isLast ? [['_last', '1'] as const] : []),
  ]));
}
