/** The lines of an epoch: what the tables are, and rows out of SQLite in Postgres's text (docs/format.md §3). */
import { encodeKey, encodePairs, type Pair } from '../daystream/codec.js';
import { commentPairs, indexPairs, placePairs, relationPairs } from '../daystream/relation.js';
import type { SourceTable } from '../postgres/catalog.js';
import type { Difference } from '../sqlite/differences.js';
import { heldColumns, keyColumns, type CacheTable, type HeldColumn } from '../sqlite/tables.js';
import { canonical } from '../sqlite/values.js';

interface Named {
  readonly schema: string;
  readonly table: string;
}

/** What the table is now. */
export function headLines({ relation, indexes, comments, ...place }: SourceTable): string[] {
  const oid: Pair = ['_oid', String(relation.oid)];
  const columns = new Map(relation.columns.flatMap(({ name, attnum }) => (attnum in comments ? [[name, comments[attnum]] as const] : [])));
  return [
    line(place, 'schema', relationPairs(relation)),
    line(place, 'indexes', [oid, ...indexPairs(indexes)]),
    line(place, 'comments', [oid, ...commentPairs({ table: comments[0], columns })]),
  ];
}

/** The table is there, and what the log says of it does not give its state until a copy does. */
export function staleLine(place: Named, oid: number, reason: string): string {
  return line(place, 'stale', [['_oid', String(oid)], ['_reason', reason]]);
}

/** The log has nothing more of the table. */
export function dropLine(place: Named, oid: number): string {
  return line(place, 'drop', [['_oid', String(oid)]]);
}

/** The lines of differences of one table. */
export class RowLines {
  readonly #place: Named;
  readonly #columns: readonly HeldColumn[];
  readonly #key: readonly HeldColumn[];

  constructor(place: Named, table: CacheTable) {
    this.#place = place;
    this.#columns = heldColumns(table);
    this.#key = keyColumns(table);
  }

  /** An update states the whole row: a host that filters may have to take it in. */
  of({ kind, row }: Difference): string {
    const columns = kind === 'delete' && this.#key.length > 0 ? this.#key : this.#columns;
    return line(this.#place, kind, columns.map(({ name, type }, i): Pair => [encodeKey(name), canonical(type, row[i])]));
  }
}

function line({ schema, table }: Named, action: string, pairs: readonly Pair[]): string {
  return encodePairs([...placePairs(schema, table), ['_action', action], ...pairs]);
}
