/** By what one sees, without decoding, that the rows of a table changed and no record says so. */
import type pg from 'pg';

export interface TableMarks {
  readonly oid: number;
  /** Of a partition: the topmost table. */
  readonly root: number | null;
  /** As one types it. */
  readonly name: string;
  readonly filenode: number;
  /** Changes with every row of the catalog that describes one of its columns. */
  readonly attributes: string;
  /** The raw xid that wrote its row in pg_class last. */
  readonly writer: number;
}

/** Of all permanent tables and partitions that have rows. */
export async function readTableMarks(client: pg.Client): Promise<TableMarks[]> {
  return (await client.query<TableMarks>(MARKS)).rows;
}

/** Those that have no rows, and had none since their file was made. */
export async function readEmpty(client: pg.Client, oids: readonly number[]): Promise<number[]> {
  const { rows } = await client.query<{ oid: number }>('SELECT oid::int8::float8 AS oid FROM unnest($1::oid[]) AS oid WHERE pg_relation_size(oid) = 0', [oids]);
  return rows.map(({ oid }) => oid);
}

const MARKS = `
  SELECT c.oid::int8::float8 AS oid, CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid::int8::float8 END AS root,
         quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, c.relfilenode::int8::float8 AS filenode,
         count(a.attnum) || ' ' || coalesce(sum(a.xmin::text::int8), 0) AS attributes, c.xmin::text::int8::float8 AS writer
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
   WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.oid >= 16384 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   GROUP BY c.oid, n.nspname`;
