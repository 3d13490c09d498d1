/** In what the lines at hand stand. */
import type { Position } from '../daystream/position.js';

export interface Scope {
  /** Of the unit's first line. */
  readonly position: Position;
  /** Of the transaction; undefined where copies have nothing to skip any more. */
  readonly xid: bigint | undefined;
  /** Lines that were kept are this table's, whatever it was called when they were written. */
  readonly oid: number | undefined;
  /** Rows alone count: what says what a table is was taken before. */
  readonly rowsOnly?: true;
}
