/**
 * Every type that this Postgres has, copied and streamed, under settings of server, role,
 * database and session that would print each of them in another way.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Server } from '../../dev/postgres.js';
import { compareAll } from '../support/compare.js';
import { cellsOf } from '../support/cells.js';
import { Path } from '../support/path.js';
import { ONLY_NULL, SAMPLES } from '../support/samples.js';

/** Only a key that fits into an index page is one. */
const KEY_LIMIT_CHARACTERS = 500;
const SERVER = { DateStyle: 'Postgres, MDY', TimeZone: 'Asia/Kathmandu', extra_float_digits: '-15', bytea_output: 'escape', quote_all_identifiers: 'on', xmloption: 'document', standard_conforming_strings: 'off', backslash_quote: 'off', xmlbinary: 'hex' };
const HOSTILE = [
  ...['DateStyle = \'SQL, DMY\'', 'IntervalStyle = iso_8601', 'extra_float_digits = -10', 'bytea_output = escape', 'search_path = trap, pg_catalog, public'].map((setting) => `ALTER DATABASE postgres SET ${setting}`),
  ...['DateStyle = \'German, DMY\'', 'IntervalStyle = sql_standard', 'TimeZone = \'America/St_Johns\'', 'lc_monetary = \'C.UTF-8\'', 'quote_all_identifiers = on', 'client_encoding = LATIN1', 'array_nulls = off', 'row_security = off'].map((setting) => `ALTER ROLE postgres SET ${setting}`),
];
const SESSION = '-c DateStyle=SQL,DMY -c IntervalStyle=postgres_verbose -c TimeZone=Asia/Kathmandu -c extra_float_digits=-15 -c bytea_output=escape -c xmloption=document -c standard_conforming_strings=off -c quote_all_identifiers=on';
/** As one types the samples. */
const PLAIN = "SET DateStyle = 'ISO, MDY'; SET IntervalStyle = postgres; SET TimeZone = 'UTC'; SET search_path = public; SET xmloption = content; SET standard_conforming_strings = on; SET array_nulls = on; SET client_encoding = UTF8";

let path: Path;
let folder: string;
let client: pg.Client;
const tables: string[] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'deltamirror-test-'));
  path = await Path.on(await Server.start({ settings: SERVER }), folder);
  client = await path.client();
  await client.query(`CREATE SCHEMA trap; CREATE TABLE trap.pg_class (oid int); CREATE TABLE trap.pg_type (oid int); CREATE FUNCTION trap.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
    CREATE FUNCTION trap.format_type(oid, int) RETURNS text LANGUAGE sql AS 'SELECT ''text''::text'`);
  for (const setting of HOSTILE) await client.query(setting);
  await client.end();
  process.env.PGOPTIONS = SESSION;
  client = await path.client();
  await client.query(PLAIN);
  await makeTypes();
  await makeTables();
  path.deltastream();
  const all = ['*', '*.*'].join();
  await path.import(all);
  path.mirror();
  await fill();
  await path.caughtUp(path.cache());
  await path.import(all, path.cache('copied.db'));
});
after(async () => {
  await client?.end();
  await path?.end();
  rmSync(folder, { recursive: true, force: true });
});

async function makeTypes(): Promise<void> {
  await client.query(`
    CREATE TYPE mood AS ENUM ('happy', 'so "so", {sad}', '', 'NULL', '\\N', E'a\\tb\\nc', '漢 😀', 'x;y:z', 'toString');
    CREATE TYPE public.box AS ENUM ('a', 'b,c', 'd;e');
    CREATE TYPE "constructor" AS ENUM ('a', 'b');
    CREATE TYPE pair AS (a int, b text);
    CREATE TYPE nest AS (p pair, ps pair[], "odd "" name" timestamptz, y bytea, m mood[]);
    CREATE DOMAIN positive AS int CHECK (value > 0); CREATE DOMAIN more_positive AS positive NOT NULL; CREATE DOMAIN points AS int[]; CREATE DOMAIN still_points AS points CHECK (cardinality(value) < 9);
    CREATE DOMAIN amount AS numeric(10,2); CREATE DOMAIN at AS timestamptz; CREATE DOMAIN flag AS boolean; CREATE DOMAIN boxes AS pg_catalog.box[]; CREATE DOMAIN crate AS pg_catalog.box; CREATE DOMAIN bytes AS bytea;
    CREATE TYPE floats AS RANGE (subtype = float8, multirange_type_name = floatses);
    CREATE TABLE "Odd ""table""" (id int PRIMARY KEY);
    CREATE TABLE correlated (a int, b int); INSERT INTO correlated SELECT i % 3, i % 3 FROM generate_series(1, 100) i;
    CREATE STATISTICS s (ndistinct, dependencies, mcv) ON a, b FROM correlated; ANALYZE correlated;`);
}

const NEST = `ROW(ROW(1, E'x\\ty'), ARRAY[ROW(2, 'y "z\\'), NULL, ROW(3, '')]::pair[], '2026-01-01 00:00:00+00', '\\x00ff', '{happy,NULL,""}')::nest`;

/** Made of the types above: arrays of each kind, domains over domains, composites in arrays in composites. */
const MADE: Readonly<Record<string, readonly string[]>> = {
  mood: ['happy', 'so "so", {sad}', '', 'NULL', '\\N', 'a\tb\nc', '漢 😀'],
  'mood[]': ['{}', '{happy,NULL,"NULL","","so \\"so\\", {sad}","\\\\N","x;y:z","a\tb\nc"}', '[0:1]={happy,"NULL"}', '{{happy,NULL},{"",toString}}'],
  'public.box': ['b,c'],
  'public.box[]': ['{a,"b,c",d;e}', '{{a,NULL},{"b,c",d;e}}'],
  '"constructor"[]': ['{a,b,NULL}'],
  pair: ['(1,"a b")', '(,)', '(2,"""")', '(3,)', '(4,"")', '(5,"\\\\N,\t\n")'],
  'pair[]': ['{"(1,\\"a b\\")",NULL,"(,)"}', '{}'],
  nest: [`sql:${NEST}`, '(,,,,)'],
  'nest[]': [`sql:ARRAY[${NEST}, NULL, ROW(NULL, '{}', 'infinity', '\\x', NULL)::nest]`, '{}'],
  positive: ['7'],
  'positive[]': ['{7,8,NULL}', '{{1},{2}}', '[5:5]={1}'],
  more_positive: ['7'],
  points: ['{1,2,NULL}', '{}', '{{1},{2}}'],
  still_points: ['{1,2}', '[0:0]={1}'],
  'still_points[]': ['{"{1,2}",NULL,"{}"}', '{{"{1}"},{"[0:0]={2}"}}'],
  amount: ['12.30'],
  'amount[]': ['{12.30,-1.00,NaN}'],
  at: ['2026-01-01 00:02:01.5+00'],
  'at[]': ['{"2026-01-01 00:00:00+00",infinity,NULL}'],
  'flag[]': ['{t,f,NULL}'],
  'crate[]': ['{(2,2),(1,1);NULL;(4,4),(3,3)}'],
  boxes: ['{(2,2),(1,1);(4,4),(3,3)}'],
  'boxes[]': ['{"{(2,2),(1,1);(4,4),(3,3)}";NULL;"{}"}'],
  'bytes[]': ['{"\\\\x00ff",NULL,"\\\\x"}'],
  floats: ['[1.5,1e+300)', '(-Infinity,Infinity)', 'empty'],
  floatses: ['{[1,2.5),[3,)}'],
  'integer[]': ['{}', '{1,NULL,-3}', '{{1,2},{3,4}}', '{{{1}},{{NULL}}}', '[0:1]={1,2}', '[-1:0][2:3]={{1,2},{3,NULL}}', '[2147483646:2147483646]={1}'],
  'text[]': ['{}', '{""}', '{NULL,"NULL",null,"a,b","a;b","{","}","\\"","\\\\","\\\\N"," x","x\ty","é😀",a]b,[,"\r\n","\u2028","\ufeff",NaN,-0}', '{{a,"b c"},{"",NULL}}', '[2:3]={"]",x}'],
  'jsonb[]': ['{"{\\"a\\": \\"b\\\\\\\\c\\"}",NULL}'],
};

/** Installed in a schema that they do not expect, or in public. */
const EXTENSIONS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  hstore: { hstore: ['', '"a"=>"b", "c\\"d"=>NULL, ""=>"x,y => z"', '"tab"=>"\t\n"'] },
  citext: { citext: ['Straße', 'NULL', '\\N', 'ABC', 'abc', ''] },
  ltree: { ltree: ['Top.Science.Astronomy', ''], lquery: ['*.Astronomy|Stars@*.!x{1,3}'], ltxtquery: ['Europe & Russia*@ & !Transportation'] },
  cube: { cube: ['(1,2,3)', '(1,2),(3.5,-4)', '()', '(0),(1e-300)'] },
  isn: { isbn: ['0-393-04002-X'], isbn13: ['978-0-393-04002-9'], issn: ['1436-4522'], issn13: ['9771436452008'], ismn: ['M-060-11561-5'], ismn13: ['9790060115615'], ean13: ['4025515373438'], upc: ['220356483481'] },
  intarray: { query_int: ['1&(2|3)&!4'] },
  seg: { seg: ['1.5', '~6.5 .. 10', '<-1', '1.00 .. 2.0', '5e-7'] },
};

/** Every type that can be a column: name as typed, and its samples. */
const columns: { type: string; values: readonly string[] }[] = [];

async function makeTables(): Promise<void> {
  await client.query('CREATE SCHEMA "ext s"');
  for (const [i, [extension, types]] of Object.entries(EXTENSIONS).entries()) {
    const schema = i % 2 === 0 ? 'public' : '"ext s"';
    await client.query(`CREATE EXTENSION ${extension} SCHEMA ${schema}`);
    for (const [type, values] of Object.entries(types)) {
      columns.push({ type: `${schema}.${type}`, values }, { type: `${schema}.${type}[]`, values: [arrayLiteral(values), `{${arrayLiteral(values)},${arrayLiteral(values)}}`, '{}', `[0:${values.length}]=${arrayLiteral(values)}`] });
    }
  }
  for (const [type, values] of Object.entries(MADE)) columns.push({ type, values });
  const builtIn = [...Object.entries(SAMPLES), ...[...ONLY_NULL].map((type) => [type, []] as const)];
  for (const [i, [type, values]] of builtIn.entries()) {
    const isDomain = type.startsWith('information_schema.');
    const delimiter = type === 'box' ? ';' : ',';
    const texts = values.filter((value) => !value.startsWith('sql:'));
    const all = arrayLiteral(texts, delimiter);
    const own = type.startsWith('"') || isDomain || type.includes(' ') || type.includes('(') ? type : `pg_catalog."${INTERNAL[type] ?? type}"`;
    columns.push({ type: own, values });
    if (await hasArrays(own)) columns.push({ type: `${own}[]`, values: texts.length === 0 ? ['{}'] : [all, `{${all}${delimiter}${all}}`, '{}', `[0:${texts.length}]=${all}`] });
    await client.query(`CREATE DOMAIN d${i} AS ${own}; CREATE DOMAIN dd${i} AS d${i}`);
    columns.push({ type: `dd${i}`, values: values.slice(0, 3) }, { type: `dd${i}[]`, values: texts.length === 0 ? ['{}'] : [arrayLiteral(texts.slice(0, 3), delimiter)] });
  }
  const shape = columns.map(({ type }, i) => `c${i} ${type}`).join(', ');
  await client.query(`CREATE TABLE every_type (id int PRIMARY KEY, ${shape}); CREATE TABLE keyless (id int, ${shape}); ALTER TABLE keyless REPLICA IDENTITY FULL`);
  tables.push('every_type', 'keyless');
  for (const [i, { type }] of columns.entries()) {
    const made = await client.query(`CREATE TABLE key${i} (v ${type} PRIMARY KEY, n int)`).catch(() => undefined); // no order, no key
    if (made !== undefined) tables.push(`key${i}`);
  }
}

/** The few whose name in pg_type is not the one that is printed. */
const INTERNAL: Readonly<Record<string, string>> = { smallint: 'int2', integer: 'int4', bigint: 'int8', boolean: 'bool', real: 'float4', character: 'bpchar' };

async function hasArrays(type: string): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>('SELECT typarray <> 0 AS found FROM pg_catalog.pg_type WHERE oid = $1::regtype', [type]);
  return rows[0].found;
}

function arrayLiteral(values: readonly string[], delimiter = ','): string {
  return `{${[...values.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`), 'NULL'].join(delimiter)}}`;
}

function literal(type: string, value: string): string {
  return value.startsWith('sql:') ? value.slice(4) : `${client.escapeLiteral(value)}::${type}`;
}

async function fill(): Promise<void> {
  const rows = Math.max(...columns.map(({ values }) => values.length));
  for (let row = 0; row <= rows; row++) {
    // more_positive is never NULL.
    const values = columns.map(({ type, values }) => (row < values.length ? literal(type, values[row]) : type === 'more_positive' ? '1' : 'NULL'));
    await client.query(`INSERT INTO every_type VALUES (${[row, ...values].join(', ')})`);
  }
  await client.query('INSERT INTO keyless SELECT * FROM every_type; INSERT INTO keyless SELECT * FROM every_type; UPDATE keyless SET id = id + 1000; DELETE FROM keyless WHERE id % 3 = 0');
  await client.query('UPDATE every_type SET id = id + 1000 WHERE id % 2 = 0');
  for (const table of tables.filter((name) => name.startsWith('key') && name !== 'keyless')) {
    const { type, values } = columns[Number(table.slice(3))];
    const keys = values.filter((value) => value.length <= KEY_LIMIT_CHARACTERS);
    if (keys.length === 0) continue;
    const insert = `INSERT INTO ${table} SELECT v, row_number() OVER () FROM (VALUES ${keys.map((value) => `(${literal(type, value)})`).join(', ')}) AS k (v) ON CONFLICT DO NOTHING`;
    // An array may be a key where its elements have no order, until there are elements.
    await client.query(insert).catch((error: pg.DatabaseError) => assert.match(error.message, /could not identify a comparison function/));
    await client.query(`UPDATE ${table} SET n = n + 1; DELETE FROM ${table} WHERE n % 3 = 0; UPDATE ${table} SET n = -n WHERE n % 2 = 0`);
  }
}

test('no type of this Postgres is left out', async () => {
  const { rows } = await client.query<{ type: string; kind: string }>(`
    SELECT oid::regtype::text AS type, typtype::text AS kind FROM pg_catalog.pg_type
    WHERE typnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND typtype <> 'c'
      AND NOT (typsubscript = 'pg_catalog.array_subscript_handler'::regproc AND typstorage <> 'p')`);
  for (const { type, kind } of rows) {
    const name = type.replace(/^pg_catalog\./, '').replaceAll('"', '').replace(/^char$/, '"char"');
    if (kind === 'p') {
      await assert.rejects(client.query(`CREATE TEMPORARY TABLE pseudo (v ${type})`), /pseudo-type/, type);
    } else {
      assert.ok(name in SAMPLES || ONLY_NULL.has(name), `${name} has no samples`);
    }
  }
  assert.ok(rows.length > 100);
});

test('the settings would print the values in another way', async () => {
  const hostile = await path.client();
  try {
    const { rows } = await hostile.query({ text: "SELECT '2026-01-02'::date, '1 day'::interval, (2 / 3.0)::float8, '\\001'::bytea, '2026-01-02 00:00:00+00'::timestamptz, 'public.mood'::regtype", rowMode: 'array', types: { getTypeParser: () => (text: string) => text } as never });
    assert.deepEqual(rows, [['02/01/2026', '@ 1 day', '0.7', '\\001', '02/01/2026 05:45:00 +0545', '"mood"']]);
  } finally {
    await hostile.end();
  }
});

describe('every value of every type, its arrays, its domains and their arrays', () => {
  for (const [how, cache] of [['streamed', 'cache.db'], ['copied', 'copied.db']] as const) {
    test(`${how}: as Postgres prints it`, async () => {
      const compared = await compareAll(client, path.cache(cache), tables);
      assert.ok(compared > 500, `${compared} rows`);
    });
  }

  test('the stream and the copy hold the same bytes', () => {
    for (const table of tables) assert.deepEqual(cellsOf(path.cache(), table), cellsOf(path.cache('copied.db'), table), table);
  });
});
