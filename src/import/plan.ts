import type { SourceTable } from '../postgres/catalog.js';
import { cacheName, folded, reservedBecause } from '../sqlite/names.js';
import type { CacheIndex } from '../sqlite/schema.js';
import type { CacheTable } from '../sqlite/tables.js';

/** A table of Postgres and what becomes of it in the cache. */
export interface TablePlan {
  readonly source: SourceTable;
  readonly table: CacheTable;
  readonly indexes: readonly CacheIndex[];
  /** Indexes that the cache does not get, and why. */
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
}

export function planTable(source: SourceTable): TablePlan {
  const { relation } = source;
  const indexes = source.indexes.map((index) => ({ ...index, name: cacheName(source.schema, index.name) }));
  const reasons = indexes.map((index) => nameReason(index.name, indexes.map(({ name }) => name)));
  return {
    source,
    table: {
      schema: relation.schema,
      name: relation.table,
      table: cacheName(relation.schema, relation.table),
      oid: relation.oid,
      identity: relation.identity,
      key: relation.key,
      columns: relation.columns,
      pattern: source.pattern,
    },
    indexes: indexes.filter((_, i) => reasons[i] === undefined),
    leftOut: [...source.leftOut, ...indexes.flatMap(({ name }, i) => (reasons[i] === undefined ? [] : [{ name, reason: reasons[i] }]))],
  };
}

/** Why SQLite cannot have an index of this name beside the others. */
function nameReason(name: string, all: readonly string[]): string | undefined {
  if (all.filter((other) => folded(other) === folded(name)).length > 1) return 'SQLite cannot tell its name from another index\'s';
  return reservedBecause(name);
}
