/**
 * What a seed's schemas hold now, as one connection sees it: its own uncommitted changes too. The
 * generator keeps no model beside the catalog, so what fails, waits or is rolled back needs no thought.
 */
import type pg from 'pg';
import type { Random } from '../../support/random.js';
import type { Names } from '../names.js';
import { qualified, type Column, type Table } from '../table.js';
import { typeOf, type OwnType } from './types.js';

export interface LiveColumn {
  readonly name: string;
  readonly attnum: number;
  /** As format_type() writes it. */
  readonly type: string;
  readonly notNull: boolean;
  /** Postgres gives the value. */
  readonly given: boolean;
  readonly hasDefault: boolean;
}

export interface LiveIndex {
  readonly name: string;
  readonly primary: boolean;
  readonly unique: boolean;
  /** Unique at once, valid, over columns alone and not partial: rows can be told apart by it. */
  readonly sound: boolean;
  readonly replicaIdentity: boolean;
  readonly constraint: string | null;
  readonly keys: readonly number[];
}

export interface LiveTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** As SQL names it. */
  readonly sql: string;
  /** `r` an ordinary table or a leaf, `p` a partitioned one. */
  readonly kind: string;
  /** `p` permanent, `u` unlogged. */
  readonly persistence: string;
  /** d, f, i, n as in pg_class. */
  readonly identity: string;
  readonly parent: number | null;
  /** Of a partitioned table. */
  readonly partitionKey: readonly number[];
  readonly columns: readonly LiveColumn[];
  readonly indexes: readonly LiveIndex[];
}

/** Everything that statements are made from. */
export interface Live {
  readonly random: Random;
  /** Names that no table, index or type of the seed has had. */
  readonly names: Names;
  readonly schemas: Schemas;
  readonly tables: readonly LiveTable[];
  readonly types: readonly OwnType[];
}

/** The schemas of a seed. Each is there at any time, and has a table `anchor`. */
export interface Schemas {
  /** Their tables are followed, and the caches want them. */
  readonly followed: readonly string[];
  /** Followed only where all is. */
  readonly beside: string;
  /** Changes are known by comparing the catalog alone. */
  readonly isPolled: boolean;
}

export const ANCHOR = 'anchor';

export function namesOf({ followed, beside }: Schemas): string[] {
  return [...followed, beside];
}

export async function readLive(client: pg.Client, schemas: Schemas, random: Random, names: Names): Promise<Live> {
  const wanted = [namesOf(schemas)];
  const tables = (await client.query<Omit<LiveTable, 'sql'>>(TABLES, wanted)).rows.map((table) => ({ ...table, sql: qualified(table) }));
  const types = (await client.query<OwnType>(TYPES, wanted)).rows;
  return { random, names, schemas, tables, types };
}

/** Those that have a name of their own in the log where partitions go by their root's, but for the anchors. */
export function roots({ tables }: Live): LiveTable[] {
  return tables.filter(({ parent, name }) => parent === null && name !== ANCHOR);
}

/** The tables below that hold rows; the table itself where it does. */
export function leavesOf(tables: readonly LiveTable[], table: LiveTable): LiveTable[] {
  if (table.kind === 'r') return [table];
  return tables.filter(({ parent }) => parent === table.oid).flatMap((child) => leavesOf(tables, child));
}

export function keyOf(table: LiveTable): LiveIndex | undefined {
  if (table.identity === 'n') return undefined;
  return table.indexes.find((index) => index.sound && (table.identity === 'i' ? index.replicaIdentity : index.primary));
}

/** Whether UPDATE and DELETE are logged with what the row was known by (docs/format.md, "The relation"). */
function isChangeable(tables: readonly LiveTable[], table: LiveTable): boolean {
  const key = keyOf(table.kind === 'p' && table.identity !== 'i' ? { ...table, identity: 'd' } : table);
  return leavesOf(tables, table).every((leaf) => {
    if (leaf.identity === 'f') return true;
    const own = keyOf(leaf);
    if (own === undefined) return false;
    if (leaf === table) return true;
    const carried = new Set(own.keys.map((attnum) => nameOf(leaf, attnum)));
    return key !== undefined && key.keys.every((attnum) => carried.has(nameOf(table, attnum)));
  });
}

function nameOf(table: LiveTable, attnum: number): string {
  return table.columns.find((column) => column.attnum === attnum)!.name;
}

/** The tables as statements that change rows take them; without those that nobody could fill. */
export function fillable(live: Live): Table[] {
  return live.tables.filter(({ parent }) => parent === null).flatMap((table) => {
    const columns = table.columns.map((column) => toColumn(live, table, column));
    if (columns.some((column) => column === undefined)) return [];
    const unique = table.indexes.find(({ sound, unique: isUnique, keys }) => sound && isUnique && keys.length > 0);
    return [{
      schema: table.schema, name: table.name, columns: columns as Column[], key: unique?.keys.map((attnum) => nameOf(table, attnum)) ?? [], arbiter: unique !== undefined,
      changeable: isChangeable(live.tables, table), deferrable: false, leaves: table.kind === 'p' ? leavesOf(live.tables, table).map(({ sql }) => sql) : [], ddl: [], later: [],
    }];
  });
}

/** What partitions are by; all of it is in some partition now or later. */
export const PARTS = 6;
const PART_VALUES = ['0', '5', '12', '17', '23', '31', '48'];

function toColumn({ types }: Live, table: LiveTable, column: LiveColumn): Column | undefined {
  const keyed = table.partitionKey.includes(column.attnum) || table.indexes.some(({ unique, keys }) => unique && keys.includes(column.attnum));
  const type = typeOf(column.type, types);
  if (type === undefined) return column.notNull && !column.given && !column.hasDefault ? undefined : { name: column.name, type: { sql: column.type, edges: [], keyable: false }, notNull: false, keyed, given: true };
  const edges = table.partitionKey.includes(column.attnum) && column.type === 'integer' ? { edges: PART_VALUES, random: undefined } : {};
  return { name: column.name, type: { ...type, ...edges }, notNull: column.notNull, keyed, given: column.given };
}

const TABLES = `
  SELECT c.oid::int8::float8 AS oid, nspname::text AS schema, relname::text AS name, relkind::text AS kind, relpersistence::text AS persistence, relreplident::text AS identity,
    (SELECT inhparent::int8::float8 FROM pg_catalog.pg_inherits WHERE inhrelid = c.oid) AS parent,
    coalesce((SELECT partattrs::int2[] FROM pg_catalog.pg_partitioned_table WHERE partrelid = c.oid), '{}') AS "partitionKey",
    (SELECT coalesce(json_agg(json_build_object('name', attname, 'attnum', attnum, 'type', pg_catalog.format_type(atttypid, atttypmod), 'notNull', attnotnull,
      'given', attgenerated <> '' OR attidentity = 'a', 'hasDefault', atthasdef OR attidentity <> '') ORDER BY attnum), '[]')
      FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
    (SELECT coalesce(json_agg(json_build_object('name', i.relname, 'primary', indisprimary, 'unique', indisunique, 'sound', indisunique AND indimmediate AND indisvalid AND indpred IS NULL AND 0 <> ALL (indkey::int2[]),
      'replicaIdentity', indisreplident, 'constraint', (SELECT conname FROM pg_catalog.pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u') LIMIT 1),
      'keys', (indkey::int2[])[0:indnkeyatts - 1]) ORDER BY i.relname), '[]')
      FROM pg_catalog.pg_index JOIN pg_catalog.pg_class i ON i.oid = indexrelid WHERE indrelid = c.oid) AS indexes
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
  WHERE nspname = ANY ($1) AND relkind IN ('r', 'p') ORDER BY nspname, relname`;

const TYPES = `
  SELECT nspname::text AS schema, typname::text AS name, pg_catalog.format_type(t.oid, NULL) AS sql, CASE typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'composite' END AS kind,
    ARRAY(SELECT enumlabel::text FROM pg_catalog.pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder) AS labels,
    CASE typtype WHEN 'd' THEN pg_catalog.format_type(typbasetype, typtypmod) END AS base,
    (SELECT coalesce(json_agg(json_build_object('name', attname, 'type', pg_catalog.format_type(atttypid, atttypmod)) ORDER BY attnum), '[]')
      FROM pg_catalog.pg_attribute WHERE attrelid = typrelid AND typrelid <> 0 AND attnum > 0 AND NOT attisdropped) AS attributes,
    ARRAY(SELECT conname::text FROM pg_catalog.pg_constraint WHERE contypid = t.oid ORDER BY conname) AS constraints
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = typnamespace LEFT JOIN pg_catalog.pg_class c ON c.oid = typrelid
  WHERE nspname = ANY ($1) AND (typtype IN ('e', 'd') OR typtype = 'c' AND relkind = 'c') ORDER BY nspname, typname`;
