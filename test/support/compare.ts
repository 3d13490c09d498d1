/**
 * The proof of equality: every row of a Postgres table against the cache, value by
 * value in Postgres's own text. With a key each row is looked up by it; without one
 * the two sides are compared as multisets.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type pg from 'pg';
import Cursor from 'pg-cursor';
import { cacheName, quote } from '../../src/sqlite/names.js';
import { openReader, type Cache } from '../../src/sqlite/open.js';
import { canonical, valueOf, type Stored } from '../../src/sqlite/values.js';

const BATCH_ROWS = 5_000;
const PINNED = "SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'postgres'; SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL lc_monetary = 'C'; SET LOCAL quote_all_identifiers = off; SET LOCAL search_path = pg_catalog";

/** A type of which the log states what is inside: a domain, or an array (int2vector is none). */
const WRAPPED = "typtype = 'd' OR typsubscript = 'array_subscript_handler'::regproc AND typstorage <> 'p'";

interface Shape {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly key: readonly string[];
}

type Row = readonly (string | null)[];

/**
 * Compares tables (`t` is public.t, else `schema.t`) of Postgres, in one snapshot, with
 * the cache, in one read transaction. Throws with the first difference; gives the rows compared.
 */
export async function compareAll(client: pg.Client, cachePath: string, tables: readonly string[]): Promise<number> {
  assert.ok(tables.length > 0, 'no table to compare');
  const cache = openReader(cachePath);
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    await client.query(PINNED);
    cache.exec('BEGIN');
    let rows = 0;
    for (const table of tables) rows += await compareTable(client, cache, await shapeOf(client, table));
    return rows;
  } finally {
    await client.query('ROLLBACK');
    cache.close();
  }
}

async function compareTable(client: pg.Client, cache: Cache, shape: Shape): Promise<number> {
  const table = cacheName(shape.schema, shape.name);
  const columns = cache.prepare<[string], { name: string }>('SELECT name FROM pragma_table_info(?)').all(table);
  assert.deepEqual(columns.map(({ name }) => name), shape.columns.map(({ name }) => name), `${table}: the columns differ`);
  const rows = shape.key.length > 0 ? await compareByKey(client, cache, table, shape) : await compareAsMultisets(client, cache, table, shape);
  const held = cache.prepare<[], { n: number }>(`SELECT count(*) AS n FROM ${quote(table)}`).get()?.n;
  assert.equal(held, rows, `${table}: the cache has ${held} rows, Postgres ${rows}`);
  return rows;
}

async function compareByKey(client: pg.Client, cache: Cache, table: string, shape: Shape): Promise<number> {
  const key = shape.key.map((name) => ({ at: shape.columns.findIndex((column) => column.name === name), bind: valueOf(shape.columns.find((column) => column.name === name)!.type) }));
  const where = shape.key.map((name) => `${quote(name)} = ?`).join(' AND ');
  const lookup = cache.prepare<unknown[], Stored[]>(`SELECT ${columnList(shape)} FROM ${quote(table)} WHERE ${where}`).raw().safeIntegers();
  let rows = 0;
  for await (const row of rowsOf(client, shape)) {
    rows += 1;
    const keyText = key.map(({ at }) => row[at]);
    const found = lookup.all(...key.map(({ at, bind }) => bind(row[at]!)));
    assert.equal(found.length, 1, `${table}: the cache has ${found.length} rows with the key ${JSON.stringify(keyText)}, Postgres 1`);
    compareRow(table, shape, keyText, row, textOf(shape, found[0]));
  }
  return rows;
}

function compareRow(table: string, shape: Shape, key: Row, postgres: Row, cache: Row): void {
  for (const [i, column] of shape.columns.entries()) {
    if (postgres[i] === cache[i]) continue;
    assert.fail(`${table}: ${column.name} of the row with the key ${JSON.stringify(key)} is ${JSON.stringify(postgres[i])} in Postgres and ${JSON.stringify(cache[i])} in the cache`);
  }
}

async function compareAsMultisets(client: pg.Client, cache: Cache, table: string, shape: Shape): Promise<number> {
  const surplus = new Map<string, number>();
  let rows = 0;
  for await (const row of rowsOf(client, shape)) {
    rows += 1;
    const id = fingerprint(row);
    surplus.set(id, (surplus.get(id) ?? 0) + 1);
  }
  const scan = cache.prepare<[], Stored[]>(`SELECT ${columnList(shape)} FROM ${quote(table)}`).raw().safeIntegers();
  for (const held of scan.iterate()) {
    const row = textOf(shape, held);
    const id = fingerprint(row);
    const count = surplus.get(id) ?? 0;
    assert.ok(count > 0, `${table}: the cache has the row ${JSON.stringify(row)} more often than Postgres`);
    if (count === 1) surplus.delete(id);
    else surplus.set(id, count - 1);
  }
  const [missing] = surplus.keys();
  assert.equal(missing, undefined, `${table}: ${surplus.size} different rows of Postgres are not in the cache, the first is ${missing}`);
  return rows;
}

/** A short row is its own fingerprint, so that a difference can be read. */
function fingerprint(row: Row): string {
  const text = JSON.stringify(row);
  return text.length <= 200 ? text : createHash('sha256').update(text).digest('base64');
}

async function* rowsOf(client: pg.Client, shape: Shape): AsyncGenerator<Row> {
  // Partitions and children by inheritance: only a partitioned root speaks for more than itself.
  const sql = `SELECT ${columnList(shape)} FROM ${await fromClause(client, shape)}`;
  const cursor = client.query(new Cursor<(string | null)[]>(sql, [], { rowMode: 'array', types: { getTypeParser: () => (text: string) => text } as never }));
  try {
    for (let rows = await cursor.read(BATCH_ROWS); rows.length > 0; rows = await cursor.read(BATCH_ROWS)) {
      for (const row of rows) yield row.map((value, i) => asStored(shape.columns[i].type, value));
    }
  } finally {
    await cursor.close();
  }
}

/** SQLite's REAL column holds -0 as 0 (docs/types.md): the one difference that is no difference. */
function asStored(type: string, text: string | null): string | null {
  return text === '-0' && (type === 'real' || type === 'double precision') ? '0' : text;
}

async function fromClause(client: pg.Client, shape: Shape): Promise<string> {
  const name = `${quote(shape.schema)}.${quote(shape.name)}`;
  const { rows } = await client.query<{ relkind: string }>('SELECT relkind FROM pg_class WHERE oid = $1::regclass', [name]);
  return rows[0].relkind === 'p' ? name : `ONLY ${name}`;
}

function textOf(shape: Shape, row: readonly Stored[]): Row {
  return row.map((value, i) => canonical(shape.columns[i].type, value));
}

function columnList(shape: Shape): string {
  return shape.columns.map(({ name }) => quote(name)).join(', ');
}

/** The shape as Postgres's catalog has it now, asked apart from the code under test. */
async function shapeOf(client: pg.Client, table: string): Promise<Shape> {
  const dot = table.indexOf('.');
  const [schema, name] = dot === -1 ? ['public', table] : [table.slice(0, dot), table.slice(dot + 1)];
  const regclass = `${quote(schema)}.${quote(name)}`;
  const columns = await client.query<{ name: string; type: string }>(`
    WITH RECURSIVE base (attnum, name, type, modifier, brackets) AS (
      SELECT attnum, attname::text, atttypid, atttypmod, '' FROM pg_attribute
      WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated::text <> 'v'
      UNION ALL
      SELECT attnum, name, CASE typtype WHEN 'd' THEN typbasetype ELSE typelem END, CASE typtype WHEN 'd' THEN typtypmod ELSE modifier END, brackets || CASE typtype WHEN 'd' THEN '' ELSE '[]' END
      FROM base JOIN pg_type ON pg_type.oid = type WHERE ${WRAPPED})
    SELECT name, format_type(type, modifier) || brackets AS type FROM base JOIN pg_type ON pg_type.oid = type WHERE NOT (${WRAPPED}) ORDER BY attnum`, [regclass]);
  const key = await client.query<{ name: string }>(`
    SELECT attname::text AS name FROM pg_index CROSS JOIN unnest(indkey::int2[]) AS keyed (attnum)
    JOIN pg_attribute a ON a.attrelid = indrelid AND a.attnum = keyed.attnum
    WHERE indrelid = $1::regclass AND indisprimary AND indimmediate`, [regclass]);
  return { schema, name, columns: columns.rows, key: key.rows.map((row) => row.name) };
}
