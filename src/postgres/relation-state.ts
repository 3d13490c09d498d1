/**
 * All that the log says of a relation, and what tells whether its rows are still those that the log
 * knows: as one JSON value, made by the same SQL for whoever asks the catalog and for the event
 * triggers, which send it in the transaction that changes it.
 */
import { columnsOf, commentsOf, describe, indexesOf, type ColumnRow, type CommentRow, type Described, type IndexRow } from './catalog.js';
import type { Partitions } from '../daystream/following.js';

export interface ColumnState extends ColumnRow {
  /** The type as it is declared, a domain's own. */
  readonly typeOid: number;
  /** The type under its domains. */
  readonly base: number;
  readonly typmod: number;
}

export interface RelationState {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  /** As one types it. */
  readonly name: string;
  readonly relkind: string;
  readonly persistence: string;
  readonly identity: string;
  readonly isPartition: boolean;
  /** Of a partition: the topmost table. */
  readonly root: number | null;
  /** The raw xid that made the relation; 0 when it is not known. */
  readonly made: number;
  readonly filenode: number;
  /** Changes with every row of the catalog that describes one of its columns. */
  readonly attributes: string;
  /** Every partition with rows is FULL, and there is one. */
  readonly fullLeaves: boolean;
  /** A partition that is not in the WAL. */
  readonly unloggedLeaf: string | null;
  readonly columns: readonly ColumnState[];
  /** By attribute number: what rows hold that are older than the column, as a Postgres array of one. */
  readonly missing: Readonly<Record<string, string>>;
  readonly indexes: readonly IndexRow[];
  readonly comments: readonly CommentRow[];
}

/** What a relation's own state does not say, and only the catalog does. */
export interface Surroundings {
  /** Raw xids that wrote what describes it. */
  readonly writers: readonly number[];
}

/** The relation as the log states it; of an ordinary table or a partition that goes by its own name, or of a root. */
export function describeState(state: RelationState, partitions: Partitions, generated: boolean): Described {
  const kind = state.relkind === 'p' ? 'partitioned' : state.isPartition && partitions === 'leaf' ? 'leaf' : 'ordinary';
  const columns = state.columns.filter((column) => generated || !column.generated);
  const place = { oid: state.oid, schema: state.schema, table: state.table, kind } as const;
  const described = describe(place, columns, state.indexes, { oid: state.oid, identity: state.identity, fullLeaves: state.fullLeaves, rows: 0, bytes: 0 });
  const withMissing = described.relation.columns.map((column) => {
    const missing = state.missing[column.attnum];
    return missing === undefined ? column : { ...column, missing: onlyElement(missing) };
  });
  const comments = Object.fromEntries(state.comments.map(({ attnum, comment }) => [attnum, comment]));
  return { ...described, relation: { ...described.relation, columns: withMissing }, comments };
}

/** The element of an array of one, in Postgres's text: `{5}`, `{"a b"}`. */
function onlyElement(array: string): string {
  const inside = array.slice(array.indexOf('{') + 1, -1);
  return inside.startsWith('"') ? inside.slice(1, -1).replace(/\\(.)/gs, '$1') : inside;
}

/** The table at hand alone, so that each costs what it has. */
const ITSELF = 'ARRAY[c.oid]';
const PARTS = (query: string, order: string) => `coalesce((SELECT jsonb_agg(to_jsonb(part) ORDER BY ${order}) FROM (${query}) AS part), '[]')`;

/** The rows of the catalog of columns, with the types as they are declared. */
const COLUMNS = `
  SELECT described.*, a.atttypid::int8 AS "typeOid", a.atttypmod AS typmod,
         (WITH RECURSIVE below (oid) AS (SELECT a.atttypid UNION ALL SELECT typbasetype FROM below JOIN pg_type ON pg_type.oid = below.oid WHERE typtype = 'd')
          SELECT below.oid::int8 FROM below JOIN pg_type ON pg_type.oid = below.oid WHERE typtype <> 'd') AS base
    FROM (${columnsOf(ITSELF)}) AS described JOIN pg_attribute AS a ON a.attrelid = described.oid::int8::oid AND a.attnum = described.attnum`;

/** A partitioned table has no rows and so no such values: its partitions have them, under the same name. */
const MISSING = `
  coalesce((SELECT jsonb_object_agg(attnum, value) FROM (
    SELECT DISTINCT ON (own.attnum) own.attnum, a.attmissingval::text AS value
      FROM tree JOIN pg_attribute AS a ON a.attrelid = tree.oid AND a.atthasmissing AND NOT a.attisdropped
      JOIN pg_attribute AS own ON own.attrelid = c.oid AND own.attname = a.attname AND own.attnum > 0
     WHERE tree.top = c.oid AND a.attmissingval IS NOT NULL ORDER BY own.attnum, tree.oid) AS known), '{}')`;

/**
 * A query for (oid, state), of those of the oids that are tables or partitions. `oids` is an SQL
 * expression of type oid[]; built-in names only, so that it can run under any pinned search path.
 */
export function statesOf(oids: string): string {
  return `
  SELECT c.oid, jsonb_build_object(
      'oid', c.oid::int8, 'schema', n.nspname, 'table', c.relname, 'name', quote_ident(n.nspname) || '.' || quote_ident(c.relname),
      'relkind', c.relkind, 'persistence', c.relpersistence, 'identity', c.relreplident, 'isPartition', c.relispartition,
      'root', CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid::int8 END,
      'made', coalesce((SELECT xmin::text::int8 FROM pg_attribute WHERE attrelid = c.oid AND attnum = -6), 0),
      'filenode', c.relfilenode::int8,
      'attributes', (SELECT count(*) || ' ' || coalesce(sum(xmin::text::int8), 0) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0),
      'fullLeaves', coalesce(leaf.is_full, false), 'unloggedLeaf', leaf.unlogged,
      'columns', ${PARTS(COLUMNS, 'part.attnum')},
      'missing', ${MISSING},
      'indexes', ${PARTS(indexesOf(ITSELF), 'part.name')},
      'comments', ${PARTS(commentsOf(ITSELF), 'part.attnum')}) AS state
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
      SELECT bool_and(l.relreplident = 'f' OR l.relkind = 'f') AS is_full,
             (array_agg(quote_ident(ln.nspname) || '.' || quote_ident(l.relname) ORDER BY l.oid DESC) FILTER (WHERE l.relpersistence = 'u'))[1] AS unlogged
        FROM tree JOIN pg_class AS l ON l.oid = tree.oid JOIN pg_namespace AS ln ON ln.oid = l.relnamespace
       WHERE tree.top = c.oid AND tree.oid <> c.oid AND l.relkind IN ('r', 'f')) AS leaf
   WHERE c.oid = ANY (${oids}) AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384`;
}

/** Each of the relations with all that is below it as a partition: what statesOf() goes by, to stand above it. */
export function treeOf(oids: string): string {
  return `
  RECURSIVE tree (top, oid) AS (
    SELECT given, given FROM unnest(${oids}) AS given
    UNION
    SELECT tree.top, inhrelid FROM tree JOIN pg_inherits ON inhparent = tree.oid JOIN pg_class ON pg_class.oid = inhrelid WHERE relispartition)`;
}
