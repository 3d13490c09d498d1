/**
 * The shape of tables in Postgres, stated as the log's schema lines state it
 * (docs/format.md, "The relation"), so that the two can be compared; and what an import
 * wants to know besides: sizes and indexes.
 */
import type pg from 'pg';
import type { Relation, RelationColumn, RelationIndex, ReplicaIdentity } from '../daystream/relation.js';
import type { Chosen } from './choice.js';

export interface Described {
  readonly relation: Relation;
  /** Postgres's estimates; 0 before the first ANALYZE. */
  readonly estimatedRows: number;
  readonly estimatedBytes: number;
  /** Valid indexes over plain columns. Uniqueness and NULLS order are not stated. */
  readonly indexes: readonly RelationIndex[];
  /** By attribute number; 0 is the table's. */
  readonly comments: Readonly<Record<number, string>>;
  /** Indexes that have no plain counterpart elsewhere, and why. */
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
}

export type SourceTable = Chosen & Described;

/**
 * Describes tables as the client's snapshot sees them. The client's settings are pinned (search_path too: it decides
 * how types are written). `generated`: false leaves out generated columns, which a log has not whose source does not send them.
 */
export async function describeTables<Table extends Omit<Chosen, 'pattern'>>(client: pg.Client, tables: readonly Table[], { generated }: { readonly generated: boolean } = { generated: true }): Promise<(Table & Described)[]> {
  const oids = [tables.map(({ oid }) => oid)];
  const columns = groupByTable((await client.query<ColumnRow>(columnsOf('$1::oid[]'), oids)).rows.filter((column) => generated || !column.generated));
  const indexes = groupByTable((await client.query<IndexRow>(indexesOf('$1::oid[]'), oids)).rows);
  const comments = groupByTable((await client.query<CommentRow>(commentsOf('$1::oid[]'), oids)).rows);
  const sizes = groupByTable((await client.query<SizeRow>(SIZES, oids)).rows);
  return tables.map((table) => {
    const [size] = sizes.get(table.oid) ?? [];
    // Dropped since it was chosen: whoever chose it has to look again.
    if (size === undefined) throw new Error(`table ${table.schema}.${table.table} is not in this snapshot`);
    return { ...table, ...describe(table, columns.get(table.oid) ?? [], indexes.get(table.oid) ?? [], size), comments: Object.fromEntries((comments.get(table.oid) ?? []).map(({ attnum, comment }) => [attnum, comment])) };
  });
}

/** The rules by which rows of the catalog become what the log says. */
export function describe(table: Omit<Chosen, 'pattern'>, columns: readonly ColumnRow[], indexes: readonly IndexRow[], size: SizeRow): Omit<Described, 'comments'> {
  const identity = IDENTITIES[size.identity];
  const keyIndex = indexes.find((index) => isKey(index, table.kind === 'partitioned' && identity !== 'index' ? 'default' : identity));
  const key = keyIndex?.attnums ?? [];
  const sound = indexes.filter((index) => index !== keyIndex && index.valid);
  return {
    relation: { schema: table.schema, table: table.table, oid: table.oid, kind: table.kind, identity: table.kind === 'partitioned' ? identityOfLeaves(identity, size) : identity, key, columns: columns.map(toColumn) },
    estimatedRows: Math.max(0, size.rows),
    estimatedBytes: size.bytes,
    indexes: sound.filter((index) => plainReason(index) === undefined && index.attnums.join() !== key.join()).map((index) => ({
      name: index.name,
      columns: index.attnums.map((attnum, i) => ({ attnum, descending: index.descending[i] })),
    })),
    leftOut: sound.flatMap((index) => {
      const reason = plainReason(index);
      return reason === undefined ? [] : [{ name: index.name, reason }];
    }),
  };
}

/** What a partitioned table's updates carry: its own identity names its key, and is nothing to its partitions. */
function identityOfLeaves(own: ReplicaIdentity, { fullLeaves }: SizeRow): ReplicaIdentity {
  if (fullLeaves) return 'full';
  return own === 'index' ? 'index' : 'default';
}

/** The plugin's rule (plugin-c/key.c): the replica identity's index; under FULL the primary key; never a deferrable one. */
function isKey(index: IndexRow, identity: ReplicaIdentity): boolean {
  if (!index.valid || !index.immediate) return false;
  switch (identity) {
    case 'default':
    case 'full': return index.primary;
    case 'index': return index.replicaIdentity;
    case 'nothing': return false;
  }
}

/** Why an index has no plain counterpart; undefined where it has one. */
function plainReason(index: IndexRow): string | undefined {
  if (index.partial) return 'a partial index';
  if (index.attnums.includes(0)) return 'an index over an expression';
  if (index.method !== 'btree' && index.method !== 'hash') return `a ${index.method} index`;
  return undefined;
}

function toColumn({ name, attnum, type, notNull }: ColumnRow): RelationColumn {
  return { attnum, name, type, notNull };
}

function groupByTable<Row extends { readonly oid: number }>(rows: readonly Row[]): Map<number, Row[]> {
  const groups = new Map<number, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.oid);
    if (group === undefined) groups.set(row.oid, [row]);
    else group.push(row);
  }
  return groups;
}

const IDENTITIES: Readonly<Record<string, ReplicaIdentity>> = { d: 'default', f: 'full', i: 'index', n: 'nothing' };

export interface ColumnRow { oid: number; attnum: number; name: string; notNull: boolean; type: string; generated: boolean }
export interface IndexRow {
  oid: number; name: string; primary: boolean; replicaIdentity: boolean; immediate: boolean; valid: boolean;
  partial: boolean; method: string; attnums: number[]; descending: boolean[];
}
export interface CommentRow { oid: number; attnum: number; comment: string }
export interface SizeRow { oid: number; identity: string; fullLeaves: boolean; rows: number; bytes: number }

/** What a row of pg_type is made of: a domain's base, an array's element; 0 where it is neither. */
const INNER_TYPE = "CASE WHEN typtype = 'd' THEN typbasetype WHEN typlen = -1 AND typstorage <> 'p' THEN typelem ELSE 0 END";

/**
 * Domains are followed down to their base type, those of array elements too, as the plugin does; the innermost
 * states the modifier. int2vector and oidvector have elements and yet are no arrays: they are stored plain.
 * Virtual columns have no stored value.
 */
export const columnsOf = (oids: string) => `
  WITH RECURSIVE base (oid, attnum, name, "notNull", generated, type, modifier, dimensions) AS (
    SELECT attrelid, attnum, attname::text, attnotnull, attgenerated::text <> '', atttypid, atttypmod, '' FROM pg_attribute
    WHERE attrelid = ANY (${oids}) AND attnum > 0 AND NOT attisdropped AND attgenerated::text <> 'v'
    UNION ALL
    SELECT base.oid, attnum, name, "notNull", generated, inner_type.oid, CASE WHEN typtype = 'd' THEN typtypmod ELSE modifier END,
      CASE WHEN typtype = 'd' THEN dimensions ELSE dimensions || '[]' END
    FROM base JOIN pg_type ON pg_type.oid = type, LATERAL (SELECT ${INNER_TYPE}) AS inner_type (oid) WHERE inner_type.oid <> 0)
  SELECT base.oid::int8::float8 AS oid, attnum::int4 AS attnum, name, "notNull", generated, format_type(type, modifier) || dimensions AS type
  FROM base JOIN pg_type ON pg_type.oid = type WHERE ${INNER_TYPE} = 0 ORDER BY base.oid, attnum`;

export const indexesOf = (oids: string) => `
  SELECT indrelid::int8::float8 AS oid, relname::text AS name, indisprimary AS primary, indisreplident AS "replicaIdentity",
    indimmediate AS immediate, indisvalid AS valid, indpred IS NOT NULL AS partial, amname::text AS method,
    ARRAY(SELECT indkey[i]::int4 FROM generate_series(0, indnkeyatts - 1) AS i ORDER BY i) AS attnums,
    ARRAY(SELECT (indoption[i] & 1) = 1 FROM generate_series(0, indnkeyatts - 1) AS i ORDER BY i) AS descending
  FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
  WHERE indrelid = ANY (${oids}) ORDER BY indrelid, relname`;

export const commentsOf = (oids: string) => `
  SELECT objoid::int8::float8 AS oid, objsubid::int4 AS attnum, description AS comment
  FROM pg_description WHERE classoid = 'pg_class'::regclass AND objoid = ANY (${oids}) ORDER BY objoid, objsubid`;

/** From the catalog's estimates: pg_table_size() would wait for whoever locks a table. A partitioned table is as large as its leaves together. */
const SIZES = `
  WITH RECURSIVE tree AS (
    SELECT oid AS root, oid FROM unnest($1::oid[]) AS oid
    UNION ALL
    SELECT tree.root, inhrelid FROM tree JOIN pg_inherits ON inhparent = tree.oid JOIN pg_class ON pg_class.oid = inhrelid WHERE relispartition),
  leaf AS (
    SELECT tree.root, c.relreplident = 'f' AS is_full, greatest(c.reltuples, 0) AS rows, c.relpages + coalesce(toast.relpages, 0) AS pages
    FROM tree JOIN pg_class AS c ON c.oid = tree.oid LEFT JOIN pg_class AS toast ON toast.oid = c.reltoastrelid WHERE c.relkind = 'r')
  SELECT c.oid::int8::float8 AS oid, c.relreplident::text AS identity, coalesce(bool_and(leaf.is_full), false) AS "fullLeaves",
    coalesce(sum(leaf.rows), 0)::float8 AS rows, (coalesce(sum(leaf.pages), 0) * current_setting('block_size')::int)::float8 AS bytes
  FROM pg_class AS c LEFT JOIN leaf ON leaf.root = c.oid
  WHERE c.oid = ANY ($1::oid[]) GROUP BY c.oid, c.relreplident`;
