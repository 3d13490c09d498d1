/** By what one sees, without decoding, that the rows of a table changed and no record says so. */
import type pg from 'pg';

export interface TableMarks {
  readonly oid: number;
  /** Of a partition: the topmost table. */
  readonly root: number | null;
  /** As one types it. */
  readonly name: string;
  readonly filenode: number;
  /** Of a partition: the raw xid by which it is one of its parent's. */
  readonly inherits: string | null;
  /** Made as a partition of its parent, and never attached. */
  readonly isMadePart: boolean;
  readonly isPartitioned: boolean;
  /** Changes with every row of the catalog that describes one of its columns. */
  readonly attributes: string;
  /** The raw xid that wrote its row in pg_class last. */
  readonly writer: number;
}

/** Of all permanent tables and partitions that have rows, and of partitions that have partitions. */
export async function readTableMarks(client: pg.Client): Promise<TableMarks[]> {
  return (await client.query<TableMarks>(MARKS)).rows;
}

/** Those that have no rows, and had none since their file was made. */
export async function readEmpty(client: pg.Client, oids: readonly number[]): Promise<number[]> {
  const { rows } = await client.query<{ oid: number }>('SELECT oid::int8::float8 AS oid FROM unnest($1::oid[]) AS oid WHERE pg_relation_size(oid) = 0', [oids]);
  return rows.map(({ oid }) => oid);
}

/**
 * Of a row of pg_class named c: made as a partition by one command, which described all columns; ATTACH and
 * DETACH describe each of them anew.
 */
export const IS_MADE_PART = `EXISTS (
  SELECT FROM pg_attribute AS own JOIN pg_attribute AS first ON first.attrelid = own.attrelid AND first.attnum = -6
   WHERE own.attrelid = c.oid AND own.attnum > 0 AND own.xmin = first.xmin AND own.cmin = first.cmin AND own.xmax = first.xmax)`;

const MARKS = `
  SELECT c.oid::int8::float8 AS oid, CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid::int8::float8 END AS root,
         quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, c.relfilenode::int8::float8 AS filenode,
         CASE WHEN c.relispartition THEN (SELECT max(i.xmin::text) FROM pg_inherits AS i WHERE i.inhrelid = c.oid) END AS inherits,
         c.relispartition AND ${IS_MADE_PART} AS "isMadePart", c.relkind = 'p' AS "isPartitioned",
         count(a.attnum) || ' ' || coalesce(sum(a.xmin::text::int8), 0) AS attributes, c.xmin::text::int8::float8 AS writer
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
   WHERE (c.relkind = 'r' OR c.relkind = 'p' AND c.relispartition) AND c.relpersistence = 'p' AND c.oid >= 16384 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   GROUP BY c.oid, n.nspname`;
