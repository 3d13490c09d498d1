import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { openReader } from '../../src/sqlite/open.js';
import { compareAll } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { runImport, writeLog } from '../support/import.js';
import { Random } from '../support/random.js';

const NASTY = ['', ' ', 'NULL', 'null', '\\N', '\\.', '\\', '"', "'", '{', '}', '{}', '[', ']', '[]', ',', ';', 'a,b', 'a b', '\t', '\n', '\r', '\b', '\f', '\v', 'a\tb\nc\rd\\e', 'é', '漢字', '😀', '\u0001', '\u007f', '_x', '-0', '1e5', 'NaN', 'Infinity', '0x10', ' 12 ', '+00', '2026-01-01 00:00:00+00'];

/** Values that have tripped a replicator somewhere, by type. */
const EDGES: Readonly<Record<string, readonly string[]>> = {
  smallint: ['-32768', '0', '32767'],
  integer: ['-2147483648', '0', '2147483647'],
  bigint: ['-9223372036854775808', '9223372036854775807', '9007199254740993', '-9007199254740993', '999999999999999', '-99999999999999', '1000000000000000', '0'],
  oid: ['0', '4294967295'],
  boolean: ['t', 'f'],
  real: ['NaN', 'Infinity', '-Infinity', '-0', '0', '1e-45', '3.4028235e38', '1.1', '16777216', '1e6', '999999', '0.0001', '0.00001', '123456.7'],
  'double precision': ['NaN', 'Infinity', '-Infinity', '-0', '5e-324', '1.7976931348623157e308', '0.1', '1e15', '999999999999999', '123456789012345680', '1e20', '0.0001', '0.00001', '9007199254740993', '2.2250738585072014e-308'],
  numeric: ['NaN', 'Infinity', '-Infinity', '0', '-0.00', '1.10', '1.1', '123456789012345678901234567890.123456789', '1e-20'],
  'numeric(10,2)': ['1.10', '-99999999.99'],
  money: ['$1.00', '-$92,233,720,368,547,758.08'],
  text: NASTY,
  'character varying(20)': NASTY.filter((text) => text.length <= 20),
  'character(5)': ['', 'a', 'ab   ', 'abcde'],
  name: ['x', ''],
  '"char"': ['a', ''],
  uuid: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  'public.mood': ['happy', 'so "so", {sad}'],
  xml: ['<a b="c">d</a>'],
  inet: ['192.168.0.1/24', '::1'],
  cidr: ['10.0.0.0/8'],
  macaddr: ['08:00:2b:01:02:03'],
  interval: ['1 year 2 mons -3 days 04:05:06.789', '-00:00:01', '0'],
  int4range: ['[1,5)', 'empty', '(,)'],
  int4multirange: ['{[1,3),[5,7)}', '{}'],
  tstzrange: ['[2026-01-01 00:00:00+00,)'],
  'public.pair': ['(1,"a b")', '(,)', '(2,"""")'],
  tsvector: ["'a':1 'b''c':2"],
  'bit(3)': ['101'],
  'bit varying': ['', '1'],
  point: ['(1.5,-2)', '(1e+300,-0)'],
  box: ['(2,2),(1,1)'],
  bytea: ['\\x', '\\x00', '\\x00ff0a5c09', '\\xdeadbeef'],
  json: ['{"a": 1,  "a": 2}', 'null', '"\\u00e9\\n"', '[1.0, 1e400]'],
  jsonb: ['{"a": [1, null, "x\\ty"]}', '12345678901234567890.10'],
  date: ['2026-01-01', 'infinity', '-infinity', '0044-03-15 BC', '5874897-12-31'],
  time: ['00:00:00', '24:00:00', '12:34:56.789012'],
  'time with time zone': ['12:34:56+00', '12:34:56.5-07:30', '00:00:00+15:59:59'],
  timestamp: ['2026-01-01 00:02:01.5', 'infinity', '-infinity', '0044-03-15 12:00:00 BC', '294276-12-31 23:59:59.999999'],
  'timestamp(3) with time zone': ['2026-01-01 00:02:01.567+00'],
  timestamptz: ['2026-01-01 00:02:01.5+00', '2026-07-01 12:00:00+02', 'infinity', '-infinity', '0044-03-15 12:00:00+00 BC', '4713-01-01 00:00:00+00 BC'],
  'integer[]': ['{}', '{1,NULL,-3}', '{{1,2},{3,4}}', '[0:1]={1,2}', '[-1:0][2:3]={{1,2},{3,NULL}}'],
  'bigint[]': ['{9223372036854775807,-9007199254740993}'],
  'numeric[]': ['{1.10,NaN,Infinity,-0.0,NULL,123456789012345678901234567890.5}'],
  'double precision[]': ['{NaN,Infinity,-Infinity,-0,1e+300,0.1}'],
  'real[]': ['{1e-45,1e+06}'],
  'boolean[]': ['{t,f,NULL}', '{{t},{f}}'],
  'text[]': ['{}', '{""}', '{NULL,"NULL",null,"a,b","a;b","{","}","\\"","\\\\"," x","x\ty","é😀",a]b,[}', '{{a,"b c"},{"",NULL}}', '[2:3]={"]",x}'],
  'bytea[]': ['{"\\\\x00ff",NULL,"\\\\x"}'],
  'timestamptz[]': ['{"2026-01-01 00:00:00+00",infinity,NULL}'],
  'money[]': ['{$1.00,"$1,000.00"}'],
  'jsonb[]': ['{"{\\"a\\": \\"b\\\\\\\\c\\"}",NULL}'],
  'box[]': ['{(2,2),(1,1);(4,4),(3,3)}', '{NULL;(1,1),(0,0)}', '{}'],
  'public.mood[]': ['{happy,"so \\"so\\", {sad}"}'],
  'public.pair[]': ['{"(1,\\"a b\\")",NULL}'],
  'public.positive': ['7'],
  'public.positive[]': ['{7,8}'],
  'public.amount': ['12.30'],
  'public.points': ['{1,2,NULL}'],
};

let server: Server;
before(async () => {
  server = await Server.start({ plugin: false });
  await server.query(`CREATE TYPE mood AS ENUM ('happy', 'so "so", {sad}'); CREATE TYPE pair AS (a int, b text);
    CREATE DOMAIN positive AS int CHECK (value > 0); CREATE DOMAIN amount AS numeric(10,2); CREATE DOMAIN points AS int[]`);
});
after(() => server.stop());

test('every value of every type comes back from the cache as Postgres prints it', async (t) => {
  const folder = temporaryFolder(t);
  const types = Object.entries(EDGES);
  const client = await server.client();
  try {
    await client.query('CREATE SCHEMA edges');
    for (const [i, [type, values]] of types.entries()) {
      await client.query(`CREATE TABLE edges.t${i} (id int PRIMARY KEY, v ${type})`);
      await client.query(`INSERT INTO edges.t${i} SELECT ordinality, v::${type} FROM unnest($1::text[]) WITH ORDINALITY AS u (v)`, [[...values, null]]);
    }
    await writeLog(server, join(folder, 'log'));
    await runImport(server, 'edges.*', join(folder, 'log'), join(folder, 'cache.db'));
    const rows = await compareAll(client, join(folder, 'cache.db'), types.map((_, i) => `edges.t${i}`));
    assert.equal(rows, types.reduce((sum, [, values]) => sum + values.length + 1, 0));
  } finally {
    await client.end();
  }
});

test('random floats, texts and arrays come back as Postgres prints them', async (t) => {
  const folder = temporaryFolder(t);
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const bits = new DataView(new ArrayBuffer(8));
  const float8 = () => { bits.setUint32(0, random.below(2 ** 32)); bits.setUint32(4, random.below(2 ** 32)); return bits.getFloat64(0); };
  const float4 = () => { bits.setUint32(0, random.below(2 ** 32)); return bits.getFloat32(0); };
  const integral = () => Math.floor(random.next() * 2 ** (50 + random.below(20)));
  const text = () => Array.from({ length: random.below(6) }, () => random.pick(NASTY)).join('');
  const array = () => Array.from({ length: random.below(5) }, () => (random.below(5) === 0 ? null : text()));
  const client = await server.client();
  try {
    await client.query('CREATE SCHEMA random; CREATE TABLE random.t (id int PRIMARY KEY, a float8, b float4, c float8, d text, e text[])');
    const rows = Array.from({ length: 20_000 }, (_, id) => ({ id, a: String(float8()), b: String(float4()), c: String(integral()), d: text(), e: array() }));
    await client.query('INSERT INTO random.t SELECT * FROM json_populate_recordset(NULL::random.t, $1)', [JSON.stringify(rows)]);
    await writeLog(server, join(folder, 'log'));
    await runImport(server, 'random.t', join(folder, 'log'), join(folder, 'cache.db'));
    assert.equal(await compareAll(client, join(folder, 'cache.db'), ['random.t']), rows.length);
  } finally {
    await client.end();
  }
});

test('SQLite sees numbers, dates and arrays as what they are', async (t) => {
  const folder = temporaryFolder(t);
  await server.query(`CREATE SCHEMA seen; CREATE TABLE seen.t (id bigint PRIMARY KEY, b bool, f float8, n numeric, y bytea, at timestamptz, d date, a text[], j jsonb);
    INSERT INTO seen.t VALUES (9007199254740993, true, 2, 1.10, '\\x00ff', '2026-01-01 00:02:01.5+00', '2026-02-28', '{a,NULL,"b c"}', '{"k": [1, 2]}'),
      (2, NULL, 'NaN', 2, '', 'infinity', NULL, '{}', NULL), (3, false, '-Infinity', NULL, NULL, NULL, NULL, NULL, 'null')`);
  await writeLog(server, join(folder, 'log'));
  await runImport(server, 'seen.t', join(folder, 'log'), join(folder, 'cache.db'));
  const cache = openReader(join(folder, 'cache.db'));
  try {
    const one = cache.prepare(`SELECT typeof(id), typeof(b), typeof(f), typeof(n), typeof(y), n, hex(y), date(at, '+1 day'), strftime('%H:%M:%f', at), date(d, '+1 day'),
      (SELECT group_concat(coalesce(value, '-'), '|') FROM json_each(a)), j ->> '$.k[1]' FROM "seen.t" WHERE id = 9007199254740993`).raw().get();
    assert.deepEqual(one, ['integer', 'integer', 'real', 'text', 'blob', '1.10', '00FF', '2026-01-02', '00:02:01.500', '2026-03-01', 'a|-|b c', 2]);
    assert.deepEqual(cache.prepare('SELECT f, b, at FROM "seen.t" WHERE id < 4 ORDER BY id').raw().all(), [['NaN', null, 'infinity'], [-Infinity, 0, null]]);
  } finally {
    cache.close();
  }
});
