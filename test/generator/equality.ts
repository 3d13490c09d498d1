/**
 * The proof for many tables at once: each cache holds what Postgres holds, as multisets of whole
 * rows in Postgres's own text, and the caches hold the same bytes in the same storage classes.
 * As strict as compareAll, but each table of Postgres is read once for all caches.
 */
import type pg from 'pg';
import { canonical } from '../../src/index.js';
import { openReader, type Cache } from '../../src/sqlite/open.js';
import { Difference } from './difference.js';
import { ident } from './names.js';

export const PINNED = "SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET xmlbinary = 'base64'; SET quote_all_identifiers = off; SET search_path = pg_catalog";

/** By whose names the log has the rows of partitions. */
export type Partitions = 'root' | 'leaf';

export interface Shape {
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

type Texts = readonly (string | null)[];
type Stored = string | number | bigint | Buffer | null;

/** Compares all tables of the schemas, or those that are wanted; the client is pinned. Throws with schema, table, row, column and both values; gives the rows compared. */
export async function requireEqual(client: pg.Client, schemas: readonly string[], partitions: Partitions, caches: readonly string[], isWanted: (shape: Shape) => boolean = () => true): Promise<number> {
  const readers = caches.map((path) => ({ path, cache: openReader(path) }));
  try {
    let rows = 0;
    for (const reader of readers) requireSound(reader.path, reader.cache, schemas);
    for (const shape of (await shapesOf(client, schemas, partitions)).filter(isWanted)) rows += await compareTable(client, shape, readers);
    return rows;
  } finally {
    for (const { cache } of readers) cache.close();
  }
}

/** Nothing is in quarantine, and SQLite finds its file in order. */
function requireSound(path: string, cache: Cache, schemas: readonly string[]): void {
  const tables = cache.prepare<[], { schema: string; name: string; state: string; reason: string | null }>('SELECT schema, name, state, reason FROM _daystream_tables').all();
  for (const { schema, name, state, reason } of tables) {
    if (state !== 'following' && schemas.includes(schema)) throw new Difference(schema, `${path}: ${schema}.${name} is ${state}: ${reason}`);
  }
  requireInOrder(path, cache);
}

export function requireInOrder(path: string, cache: Cache): void {
  const said = cache.pragma('integrity_check', { simple: true });
  if (said !== 'ok') throw new Error(`${path}: ${String(said)}`);
}

async function compareTable(client: pg.Client, shape: Shape, readers: readonly { path: string; cache: Cache }[]): Promise<number> {
  const postgres = await rowsOfPostgres(client, shape);
  let first: readonly string[] | undefined;
  for (const { path, cache } of readers) {
    const place = `${path}: ${shape.schema}.${shape.name}`;
    const stored = rowsOfCache(cache, shape, place, tableOf(cache, shape, place));
    requireSameRows(place, shape, postgres, stored.map((row) => row.map((value, i) => canonical(shape.columns[i].type, value))));
    // What reads back as the same text may still be held in two ways.
    const raw = stored.map((row) => JSON.stringify(row.map((value) => [typeof value, Buffer.isBuffer(value) ? value.toString('hex') : String(value)]))).sort();
    first ??= raw;
    const other = raw.findIndex((row, i) => row !== first?.[i]);
    if (other !== -1) throw new Difference(shape.schema, `${place}: the row ${shortened(raw[other])} is ${shortened(first[other])} in ${readers[0].path}`);
  }
  return postgres.length;
}

export function requireSameRows(place: string, shape: Shape, postgres: readonly Texts[], cache: readonly Texts[]): void {
  const inPostgres = postgres.map((row) => JSON.stringify(row)).sort();
  const inCache = cache.map((row) => JSON.stringify(row)).sort();
  if (inPostgres.length === inCache.length && inPostgres.every((row, i) => row === inCache[i])) return;
  const missing = surplus(inPostgres, inCache);
  const strange = surplus(inCache, inPostgres);
  throw new Difference(shape.schema, `${place}: Postgres has ${inPostgres.length} rows, the cache ${inCache.length}; ${difference(shape, missing, strange)}`);
}

/** The rows of `a` beyond those of `b`. */
function surplus(a: readonly string[], b: readonly string[]): Texts[] {
  const left = new Map<string, number>();
  for (const row of b) left.set(row, (left.get(row) ?? 0) + 1);
  return a.filter((row) => {
    const count = left.get(row) ?? 0;
    left.set(row, count - 1);
    return count <= 0;
  }).map((row) => JSON.parse(row) as Texts);
}

/** Of two rows that should be one, the pair that differs least tells most. */
function difference(shape: Shape, missing: readonly Texts[], strange: readonly Texts[]): string {
  const pairs = missing.flatMap((row) => strange.map((other) => ({ row, other, columns: row.flatMap((value, i) => (value === other[i] ? [] : [i])) })));
  const [nearest] = pairs.sort((a, b) => a.columns.length - b.columns.length);
  if (nearest === undefined) return `only ${missing.length > 0 ? 'Postgres' : 'the cache'} has the row ${shortened(JSON.stringify((missing[0] ?? strange[0]).map((value, i) => [shape.columns[i].name, value])))}`;
  const columns = nearest.columns.map((i) => `column ${JSON.stringify(shape.columns[i].name)} (${shape.columns[i].type}) is ${shortened(JSON.stringify(nearest.row[i]))} in Postgres and ${shortened(JSON.stringify(nearest.other[i]))} in the cache`);
  return `in the row ${shortened(JSON.stringify(nearest.row))} ${columns.join(', ')}`;
}

export function shortened(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 200)}… (${text.length} characters)`;
}

export async function rowsOfPostgres(client: pg.Client, { schema, name, kind, columns }: Shape, where = 'true'): Promise<Texts[]> {
  // Only a partitioned root speaks for more than itself.
  const from = `${kind === 'p' ? '' : 'ONLY '}${ident(schema)}.${ident(name)}`;
  const { rows } = await client.query<(string | null)[]>({
    text: `SELECT ${columns.map((column) => ident(column.name)).join(', ')} FROM ${from} WHERE ${where}`, rowMode: 'array',
    types: { getTypeParser: () => (text: string) => text } as never,
  });
  return rows.map((row) => row.map((value, i) => asStored(columns[i].type, value)));
}

/** SQLite's REAL column holds -0 as 0 (docs/types.md): the one difference that is no difference. */
function asStored(type: string, text: string | null): string | null {
  return text === '-0' && (type === 'real' || type === 'double precision') ? '0' : text;
}

function tableOf(cache: Cache, { schema, name }: Shape, place: string): string {
  const table = cache.prepare<[string, string], { table: string }>('SELECT "table" FROM _daystream_tables WHERE schema = ? AND name = ?').get(schema, name)?.table;
  if (table === undefined) throw new Difference(schema, `${place}: is not in the cache`);
  return table;
}

/** `wanted` is what the columns are called in the cache. */
export function rowsOfCache(cache: Cache, { schema, columns }: Shape, place: string, table: string, wanted = columns.map(({ name }) => name)): Stored[][] {
  const held = cache.prepare<[string], { name: string }>('SELECT name FROM pragma_table_info(?)').all(table).map((column) => column.name);
  if (held.join('\0') !== wanted.join('\0')) throw new Difference(schema, `${place}: has the columns ${JSON.stringify(held)}, should have ${JSON.stringify(wanted)}`);
  return cache.prepare<[], Stored[]>(`SELECT ${wanted.map(ident).join(', ')} FROM ${ident(table)}`).raw().safeIntegers().all();
}

/** Under all domains, those of array elements too (docs/format.md, "The relation"). */
const TYPES = `
  WITH RECURSIVE base (oid, attnum, name, type, modifier, dimensions) AS (
    SELECT c.oid, attnum, attname::text, atttypid, atttypmod, ''
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = ANY ($1) AND CASE WHEN $2 THEN relkind = 'r' ELSE relkind IN ('r', 'p') AND NOT relispartition END AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT base.oid, attnum, name, CASE typtype WHEN 'd' THEN typbasetype ELSE typelem END, CASE typtype WHEN 'd' THEN typtypmod ELSE modifier END,
      dimensions || CASE typtype WHEN 'd' THEN '' ELSE '[]' END
    FROM base JOIN pg_type t ON t.oid = type WHERE typtype = 'd' OR typcategory = 'A' AND typlen = -1 AND typstorage <> 'p')`;

/** Tables that have rows of their own, as the catalog has them: asked apart from the code under test. */
export async function shapesOf(client: pg.Client, schemas: readonly string[], partitions: Partitions): Promise<Shape[]> {
  const { rows } = await client.query<Shape>(`${TYPES}
    SELECT nspname::text AS schema, relname::text AS name, relkind::text AS kind,
      json_agg(json_build_object('name', name, 'type', format_type(type, modifier) || dimensions) ORDER BY attnum) AS columns
    FROM base JOIN pg_type t ON t.oid = type JOIN pg_class c ON c.oid = base.oid JOIN pg_namespace n ON n.oid = relnamespace
    WHERE NOT (typtype = 'd' OR typcategory = 'A' AND typlen = -1 AND typstorage <> 'p') GROUP BY nspname, relname, relkind`, [schemas, partitions === 'leaf']);
  return rows;
}
