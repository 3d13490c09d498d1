/**
 * The catalog in short, so that it can be compared with what it was: for each table a hash of all
 * that the log says of it, for each type that a column holds, or may hold soon, what decides the text of its values.
 */
import type pg from 'pg';
import type { Partitions } from '../daystream/following.js';
import { readable } from './names.js';
import { usersOf } from './type-users.js';

/** A table or a partition, and the name that its rows have in the log. */
export interface TablePrint {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  /** False: a partition that goes by the name of its root. */
  readonly own: boolean;
  readonly hash: string;
}

/**
 * What a type is made of. Item 0 is its name, which decides no value. Of an enum, a value's oid and
 * the version of its row (`e…`), which another label makes another; of a row type, an attribute
 * number and the type (`c…`), 0 when it was dropped.
 */
export interface TypeItem {
  readonly type: number;
  readonly item: number;
  readonly mark: string;
  /** Of the item's row in the catalog: that of all that one command made is the same. */
  readonly version: string;
}

export interface Digest {
  /** Equal as long as no table and no type has changed. */
  readonly digest: string;
  /** Every transaction below has ended. */
  readonly oldestXid: bigint;
}

/** One short answer for the whole catalog: what is asked again and again. */
export async function readDigest(client: pg.Client): Promise<Digest> {
  const { rows: [{ digest, oldest }] } = await client.query<{ digest: string; oldest: string }>(DIGEST);
  return { digest, oldestXid: BigInt(oldest) };
}

/** Every table, followed or not. */
export async function readTablePrints(client: pg.Client, partitions: Partitions): Promise<TablePrint[]> {
  return (await client.query<TablePrint>(partitions === 'root' ? BY_ROOT : BY_LEAF)).rows;
}

export async function readTypeItems(client: pg.Client): Promise<TypeItem[]> {
  return (await client.query<TypeItem>(`SELECT type::int8::float8 AS type, item::float8 AS item, mark, version FROM (${TYPES}) AS items`)).rows;
}

/** Permanent tables, roots and partitions alike, that hold one of the types, however deep. */
export async function readUsersOf(client: pg.Client, types: readonly number[]): Promise<number[]> {
  const { rows } = await client.query<{ oid: number }>(`SELECT oid::int8::float8 AS oid FROM (${usersOf('$1::oid[]')}) AS users ORDER BY users.oid`, [types]);
  return rows.map(({ oid }) => oid);
}

/** The free text stands last, so that two texts are equal only where all parts are. */
const hash = (seed: string, ...parts: string[]) => `hashtextextended(concat_ws(' ', ${parts.join(', ')}), ${seed})`;

/** A sum does not ask for an order, and so for no sort. Tables of initdb and of sessions are not followed. */
const TABLES = `
  SELECT c.oid, ${readable('n.nspname')} AS schema, ${readable('c.relname')} AS table, c.relkind, c.relispartition,
    ${hash('0', 'c.relkind', 'c.relpersistence', 'c.relreplident', 'c.relispartition', 'c.relname')}::text || ' ' || coalesce(columns.hash, 0) || ' '
      || coalesce(indexes.hash, 0) || ' ' || coalesce(comments.hash, 0) || ' ' || coalesce(children.hash, 0) || ' ' || hashtext(n.nspname::text) AS hash
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN (SELECT attrelid, sum(${hash('attnum', 'atttypid', 'atttypmod', 'attnotnull', 'attgenerated', 'attname')}) AS hash
                 FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0 AND NOT attisdropped GROUP BY attrelid) AS columns ON columns.attrelid = c.oid
    LEFT JOIN (SELECT indrelid, sum(${hash('indexrelid::int8', 'indkey', 'indoption', 'indnkeyatts', 'indisprimary', 'indisreplident', 'indimmediate', 'indisvalid', 'indpred IS NULL', 'x.relam', 'x.relname')}) AS hash
                 FROM pg_index JOIN pg_class AS x ON x.oid = indexrelid WHERE indrelid >= 16384 GROUP BY indrelid) AS indexes ON indexes.indrelid = c.oid
    LEFT JOIN (SELECT objoid, sum(hashtextextended(description, objsubid)) AS hash
                 FROM pg_description WHERE classoid = 'pg_class'::regclass AND objoid >= 16384 GROUP BY objoid) AS comments ON comments.objoid = c.oid
    LEFT JOIN (SELECT inhparent, sum(hashint8extended(inhrelid::int8, 0)) AS hash
                 FROM pg_inherits GROUP BY inhparent) AS children ON children.inhparent = c.oid AND c.relkind = 'p'
   WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`;

const PRINTS = (rest: string) => `SELECT t.oid::int8::float8 AS oid, ${rest}`;
const BY_LEAF = PRINTS(`t.schema, t.table, true AS own, t.hash FROM (${TABLES}) AS t WHERE t.relkind = 'r'`);
const BY_ROOT = PRINTS(`coalesce(${readable('n.nspname')}, t.schema) AS schema, coalesce(${readable('r.relname')}, t.table) AS table, r.oid IS NULL AS own, t.hash
  FROM (${TABLES}) AS t
  LEFT JOIN pg_class AS r ON t.relispartition AND r.oid = pg_partition_root(t.oid)::oid
  LEFT JOIN pg_namespace AS n ON n.oid = r.relnamespace`);

/** Of who deleted a row and rolled back, a trace stays in xmax; then cmin may be another number. */
const VERSION = (row: string) => `concat_ws(' ', ${row}.xmin, ${row}.cmin, ${row}.xmax)`;

/**
 * Enums and row types, also where no column has them: one may get them, and they may change, before the next
 * look. From there and from the columns down: elements, bases, subtypes, the columns of row types. Built-in
 * types do not change.
 */
const TYPES = `
  WITH RECURSIVE known (oid) AS (
    (SELECT atttypid FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
      WHERE atttypid >= 16384 AND attnum > 0 AND relkind IN ('r', 'p') AND relpersistence <> 't'
     UNION SELECT enumtypid FROM pg_enum
     UNION SELECT reltype FROM pg_class WHERE relkind = 'c' AND oid >= 16384 AND relpersistence <> 't')
    UNION
    SELECT part.oid FROM known JOIN pg_type AS t ON t.oid = known.oid CROSS JOIN LATERAL (
        SELECT t.typelem UNION ALL SELECT t.typbasetype
        UNION ALL SELECT rngsubtype FROM pg_range WHERE rngtypid = t.oid
        UNION ALL SELECT rngtypid FROM pg_range WHERE rngmultitypid = t.oid
        UNION ALL SELECT atttypid FROM pg_attribute WHERE attrelid = t.typrelid AND t.typrelid <> 0 AND attnum > 0) AS part (oid)
     WHERE part.oid >= 16384)
  SELECT known.oid AS type, 0::int8 AS item, typnamespace || ' ' || ${readable("nspname || ' ' || typname")} AS mark, '' AS version
    FROM known JOIN pg_type ON pg_type.oid = known.oid JOIN pg_namespace ON pg_namespace.oid = typnamespace
  UNION ALL SELECT known.oid, e.oid::int8, 'e' || e.xmin::text, ${VERSION('e')} FROM known JOIN pg_enum AS e ON e.enumtypid = known.oid
  UNION ALL SELECT known.oid, attnum, 'c' || atttypid, ${VERSION('a')}
    FROM known JOIN pg_type AS t ON t.oid = known.oid JOIN pg_attribute AS a ON attrelid = t.typrelid WHERE t.typrelid <> 0 AND attnum > 0`;

/**
 * A row that is changed is another row with the xmin of a transaction that had none here before, so rows
 * whose xmins are the same are the same rows; they are summed as hashes, since two sums of numbers so near
 * each other may be equal. What sessions make for themselves is left out: it comes and goes all the time.
 */
const sumOf = (from: string) => `(SELECT count(*) || ' ' || coalesce(sum(hashint8extended(own.xmin::text::int8, 0)), 0) FROM ${from})`;
const OF_RELATION = (column: string) => `JOIN pg_class AS c ON c.oid = own.${column} AND c.relpersistence <> 't'`;
const DIGEST = `
  SELECT concat_ws(' ',
      ${sumOf("pg_class AS own WHERE oid >= 16384 AND relpersistence <> 't' AND relkind <> 't'")},
      ${sumOf(`pg_attribute AS own ${OF_RELATION('attrelid')} WHERE attrelid >= 16384 AND attnum > 0 AND c.relkind IN ('r', 'p', 'c')`)},
      ${sumOf(`pg_index AS own ${OF_RELATION('indexrelid')} WHERE indexrelid >= 16384 AND c.relkind <> 't'`)},
      ${sumOf("pg_description AS own WHERE classoid = 'pg_class'::regclass AND objoid >= 16384")},
      ${sumOf('pg_inherits AS own')}, ${sumOf('pg_enum AS own')}, ${sumOf("pg_namespace AS own WHERE oid >= 16384 AND nspname !~ '^pg_'")},
      ${sumOf('pg_type AS own WHERE oid >= 16384 AND typrelid = 0 AND typelem = 0')}) AS digest,
    pg_snapshot_xmin(pg_current_snapshot())::text AS oldest`;
