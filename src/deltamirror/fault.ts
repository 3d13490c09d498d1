/** Thrown where a table can no longer be followed faithfully: the transaction at hand is undone, and then done again without the table (design P5). */
export class TableFault extends Error {
  readonly schema: string;
  readonly table: string;
  readonly reason: string;
  /** What to type before the table is imported again; undefined or empty: nothing else is needed. */
  readonly cure: string | undefined;

  constructor(place: { schema: string; table: string }, reason: string, cure?: string) {
    super(`${place.schema}.${place.table}: ${reason}`);
    this.schema = place.schema;
    this.table = place.table;
    this.reason = reason;
    this.cure = cure;
  }
}
