/** The proof for all but rows: a cache has the tables that it wants, with their names, columns, keys, indexes and comments, and no other. */
import type pg from 'pg';
import { matches, parsePatterns } from '../../../src/daystream/pattern.js';
import { cacheName } from '../../../src/sqlite/names.js';
import { openReader, type Cache } from '../../../src/sqlite/open.js';
import { Difference } from '../difference.js';
import { shortened, type Partitions } from '../equality.js';

/** A cache and what it was asked for. */
export interface Wanting {
  readonly path: string;
  readonly patterns: string;
}

/** What Postgres and a cache both say of a table. */
interface Stated {
  readonly schema: string;
  readonly name: string;
  readonly table: string;
  readonly oid: number;
  readonly kind: string;
  readonly columns: readonly { readonly attnum: number; readonly name: string; readonly notNull: boolean }[];
  readonly key: readonly number[];
  readonly indexes: readonly { readonly name: string; readonly columns: readonly { readonly attnum: number; readonly descending: boolean }[] }[];
  readonly comments: Readonly<Record<string, string>>;
}

/** Throws with cache, table and what differs; gives how many tables were compared. */
export async function requireSameShapes(client: pg.Client, schemas: readonly string[], partitions: Partitions, caches: readonly Wanting[]): Promise<number> {
  const stated = (await client.query<Stated>(SHAPES, [schemas, partitions === 'leaf'])).rows.map((each) => ({
    ...each, table: cacheName(each.schema, each.name), indexes: each.indexes.map(({ name, columns }) => ({ name: cacheName(each.schema, name), columns })),
  }));
  let compared = 0;
  for (const { path, patterns } of caches) {
    const parsed = parsePatterns(patterns);
    const wanted = stated.filter(({ schema, name }) => parsed.some((pattern) => matches(pattern, schema, name)));
    const cache = openReader(path);
    try {
      compareAll(path, cache, schemas, wanted);
    } finally {
      cache.close();
    }
    compared += wanted.length;
  }
  return compared;
}

function compareAll(path: string, cache: Cache, schemas: readonly string[], wanted: readonly Stated[]): void {
  const held = heldBy(cache).filter(({ schema }) => schemas.includes(schema));
  for (const { schema, name } of held) {
    if (!wanted.some((each) => each.schema === schema && each.name === name)) throw new Difference(schema, `${path}: has ${schema}.${name}, which it should not`);
  }
  for (const each of wanted) {
    const place = `${path}: ${each.schema}.${each.name}`;
    const own = held.find(({ schema, name }) => schema === each.schema && name === each.name);
    if (own === undefined) throw new Difference(each.schema, `${place}: is not in the cache`);
    for (const what of Object.keys(each) as (keyof Stated)[]) {
      const [there, here] = [canonical(each[what]), canonical(own[what])];
      if (there !== here) throw new Difference(each.schema, `${place}: its ${what} should be ${shortened(there)}, says ${shortened(here)}`);
    }
    requireInSqlite(place, cache, each);
  }
}

/** Keys of objects in one order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (inner !== null && typeof inner === 'object' && !Array.isArray(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner));
}

function heldBy(cache: Cache): Stated[] {
  const rows = cache.prepare<[], Record<string, string>>('SELECT schema, name, "table", oid, kind, columns, key, indexes, comments FROM _daystream_tables').all();
  return rows.map((row) => ({
    ...row,
    columns: (JSON.parse(row.columns) as Stated['columns']).map(({ attnum, name, notNull }) => ({ attnum, name, notNull })),
    key: JSON.parse(row.key), indexes: JSON.parse(row.indexes), comments: JSON.parse(row.comments),
  })) as unknown as Stated[];
}

/** SQLite has it as the cache says. */
function requireInSqlite(place: string, cache: Cache, { schema, table, columns, key, indexes }: Stated): void {
  const info = cache.prepare<[string], { name: string; pk: number }>('SELECT name, pk FROM pragma_table_info(?)').all(table);
  const held = { columns: info.map(({ name }) => name), key: info.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk).map(({ name }) => name) };
  const wanted = { columns: columns.map(({ name }) => name), key: key.map((attnum) => columns.find((column) => column.attnum === attnum)!.name) };
  if (canonical(held) !== canonical(wanted)) throw new Difference(schema, `${place}: SQLite should have ${shortened(canonical(wanted))}, has ${shortened(canonical(held))}`);
  const own = cache.prepare<[string], { name: string }>("SELECT name FROM pragma_index_list(?) WHERE origin = 'c' ORDER BY name").all(table).map(({ name }) => name);
  const expected = indexes.map(({ name }) => name).sort();
  if (canonical(own.sort()) !== canonical(expected)) throw new Difference(schema, `${place}: SQLite should have the indexes ${shortened(canonical(expected))}, has ${shortened(canonical(own))}`);
  for (const { name, columns: indexed } of indexes) {
    const has = cache.prepare<[string], { name: string; desc: number }>('SELECT name, "desc" FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno').all(name).map((column) => [column.name, column.desc === 1]);
    const should = indexed.map(({ attnum, descending }) => [columns.find((column) => column.attnum === attnum)!.name, descending]);
    if (canonical(has) !== canonical(should)) throw new Difference(schema, `${place}: the index ${name} should be over ${canonical(should)}, is over ${canonical(has)}`);
  }
}

/** Asked apart from the code under test: docs/format.md, "The relation". */
const SHAPES = `
  WITH keyed AS (
    SELECT c.oid, x.indexrelid, (x.indkey::int2[])[0:x.indnkeyatts - 1] AS attnums
    FROM pg_class c LEFT JOIN pg_index x ON indrelid = c.oid AND indisvalid AND indimmediate
      AND CASE WHEN relreplident = 'n' AND relkind = 'r' THEN false WHEN relreplident = 'i' THEN indisreplident ELSE indisprimary END)
  SELECT nspname::text AS schema, relname::text AS name, c.oid::int8::float8 AS oid,
    CASE WHEN relkind = 'p' THEN 'partitioned' WHEN relispartition THEN 'leaf' ELSE 'ordinary' END AS kind,
    (SELECT json_agg(json_build_object('attnum', attnum, 'name', attname, 'notNull', attnotnull) ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
    coalesce(to_json(keyed.attnums), '[]') AS key,
    (SELECT coalesce(json_agg(json_build_object('name', i.relname, 'columns',
        (SELECT json_agg(json_build_object('attnum', indkey[n], 'descending', indoption[n] & 1 = 1) ORDER BY n) FROM generate_series(0, indnkeyatts - 1) n)) ORDER BY i.relname), '[]')
      FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am a ON a.oid = i.relam
      WHERE x.indrelid = c.oid AND indisvalid AND indpred IS NULL AND 0 <> ALL ((indkey::int2[])[0:indnkeyatts - 1]) AND amname IN ('btree', 'hash')
        AND x.indexrelid IS DISTINCT FROM keyed.indexrelid AND (x.indkey::int2[])[0:x.indnkeyatts - 1] IS DISTINCT FROM keyed.attnums) AS indexes,
    (SELECT coalesce(json_object_agg(objsubid, description), '{}') FROM pg_description WHERE classoid = 'pg_class'::regclass AND objoid = c.oid) AS comments
  FROM pg_class c JOIN pg_namespace s ON s.oid = relnamespace JOIN keyed ON keyed.oid = c.oid
  WHERE nspname = ANY ($1) AND relpersistence = 'p' AND CASE WHEN $2 THEN relkind = 'r' ELSE relkind IN ('r', 'p') AND NOT relispartition END
  ORDER BY nspname, relname`;
