/** Types and values of theirs that have tripped a replicator somewhere. */
import type { Random } from '../support/random.js';
import { ident, literal } from './names.js';

export interface Type {
  /** As in CREATE TABLE. */
  readonly sql: string;
  readonly edges: readonly string[];
  /** Values beside the edges, as Postgres reads them. */
  readonly random?: (random: Random) => string;
  /** An SQL expression whose value is stored out of line, or compressed. */
  readonly large?: (random: Random) => string;
  /** There is a btree order, and no value is too long for an index. */
  readonly keyable: boolean;
}

const CONTROLS = Array.from({ length: 31 }, (_, i) => String.fromCharCode(i + 1)).join('');
const NASTY = ['', ' ', 'NULL', 'null', '\\N', '\\.', '\\', '\\\\', '"', "'", "''", '{', '}', '{}', '[', ']', ',', ';', 'a,b', 'a b', '\t', '\n', '\r', '\r\n', '\b', '\f', '\v',
  'a\tb\nc\rd\\e', 'é', '漢字', '😀', '\u0001', '\u007f', '_x', '-0', '1e5', '01234', '1.10', 'NaN', 'Infinity', '0x10', ' 12 ', '+00', '2026-01-01 00:00:00+00', CONTROLS,
  '\u2028', '\ufeff', '\ufeffx', '\uffff', '\u{10ffff}', 'e\u0301', 'A', 'a', 'a ', 'unchanged-toast-datum', "' new-tuple:", '\t_crc\t00000000\n', '\n_c\t1\t_s\t0', '\\t', '\\n', 'x\\', '%', 'ß', 'İ'];
const SHORT = NASTY.filter((text) => [...text].length <= 5);

const textOf = (random: Random) => Array.from({ length: random.below(6) }, () => random.pick(NASTY)).join('');
const bits = new DataView(new ArrayBuffer(8));
const float8 = (random: Random) => { bits.setUint32(0, random.below(2 ** 32)); bits.setUint32(4, random.below(2 ** 32)); return String(bits.getFloat64(0)); };
const float4 = (random: Random) => { bits.setUint32(0, random.below(2 ** 32)); return String(bits.getFloat32(0)); };
const digits = (random: Random, most: number) => Array.from({ length: 1 + random.below(most) }, () => random.below(10)).join('');
const bytes = (random: Random) => `\\x${Array.from({ length: random.below(40) }, () => random.below(256).toString(16).padStart(2, '0')).join('')}`;
const integer = (bitsWide: number) => (random: Random) => String(Math.trunc((random.next() - 0.5) * 2 ** random.below(Math.min(bitsWide, 53))));
const instant = (random: Random) => new Date(Math.floor((random.next() - 0.1) * 4e12)).toISOString().replace('Z', `${String(random.below(1000)).padStart(3, '0')}Z`).replace(/^-/, '');

/** 4 to 20 kB of hexadecimal digits, which Postgres cannot compress below a page. */
function digest(random: Random): string {
  return `(SELECT string_agg(md5('${random.below(1e9)}' || g), '') FROM generate_series(1, ${130 + random.below(500)}) AS g)`;
}

/** Such digits, or as much that compresses well. */
function large(random: Random): string {
  return random.below(3) > 0 ? digest(random) : `repeat('${random.below(100)}ab', ${1000 + random.below(6000)})`;
}
const largeText = (random: Random) => (random.below(8) === 0 ? `E'\\t\\\\\\n' || ${large(random)} || E'\\r😀'` : large(random));

const BUILT_IN: readonly Type[] = [
  { sql: 'smallint', edges: ['-32768', '0', '32767', '1'], random: integer(14), keyable: true },
  { sql: 'integer', edges: ['-2147483648', '0', '2147483647', '1', '-1'], random: integer(30), keyable: true },
  { sql: 'bigint', edges: ['-9223372036854775808', '9223372036854775807', '9007199254740993', '-9007199254740993', '999999999999999', '1000000000000000', '0'], random: integer(53), keyable: true },
  { sql: 'oid', edges: ['0', '4294967295', '1'], keyable: true },
  { sql: 'boolean', edges: ['t', 'f'], keyable: true },
  { sql: 'real', edges: ['NaN', 'Infinity', '-Infinity', '-0', '0', '1e-45', '3.4028235e38', '1.1', '16777216', '1e6', '0.00001', '123456.7'], random: float4, keyable: true },
  { sql: 'double precision', edges: ['NaN', 'Infinity', '-Infinity', '-0', '0', '5e-324', '1.7976931348623157e308', '0.1', '1e15', '1e22', '9007199254740993', '2.2250738585072014e-308', '123456789012345680', '1', '-1e-7'], random: float8, keyable: true },
  { sql: 'numeric', edges: ['NaN', 'Infinity', '-Infinity', '0', '-0.00', '1.10', '1.1', '1.100', '123456789012345678901234567890.123456789', '1e-20', '1e100', '10'], random: (random) => `${digits(random, 30)}.${digits(random, 20)}`, large: (random) => `(repeat('${1 + random.below(9)}0${random.below(10)}', ${1000 + random.below(5000)}) || '.5')::numeric`, keyable: true },
  { sql: 'numeric(10,2)', edges: ['1.10', '-99999999.99', '0', 'NaN'], keyable: true },
  { sql: 'money', edges: ['1.00', '-92233720368547758.08', '0'], keyable: true },
  { sql: 'text', edges: NASTY, random: textOf, large: largeText, keyable: true },
  { sql: 'character varying(5)', edges: SHORT, keyable: true },
  { sql: 'character varying', edges: NASTY, random: textOf, large: largeText, keyable: true },
  { sql: 'character(5)', edges: ['', 'a', 'ab   ', 'abcde', '漢字', '\t', '\\'], keyable: true },
  { sql: 'name', edges: ['x', '', 'é'.repeat(20)], keyable: true },
  { sql: '"char"', edges: ['a', '', '\\', '\\377', "'", '"'], keyable: true },
  { sql: 'uuid', edges: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '00000000-0000-0000-0000-000000000000'], keyable: true },
  { sql: 'xml', edges: ['<a b="c">d\n\t</a>', '<x/>', 'text only', ''], large: (random) => `xmlelement(name a, ${large(random)})`, keyable: false },
  { sql: 'inet', edges: ['192.168.0.1/24', '::1', '10.0.0.1'], keyable: true },
  { sql: 'cidr', edges: ['10.0.0.0/8', '::/0'], keyable: true },
  { sql: 'macaddr', edges: ['08:00:2b:01:02:03'], keyable: true },
  { sql: 'macaddr8', edges: ['08:00:2b:01:02:03:04:05'], keyable: true },
  { sql: 'interval', edges: ['1 year 2 mons -3 days 04:05:06.789', '-00:00:01', '0', '178000000 years', '24:00:00', '1 day'], keyable: true },
  { sql: 'int4range', edges: ['[1,5)', 'empty', '(,)', '[5,)'], keyable: true },
  { sql: 'numrange', edges: ['[1.10,5.0]', '(,0]', 'empty'], keyable: true },
  { sql: 'tstzrange', edges: ['[2026-01-01 00:00:00+00,)', '[-infinity,infinity]'], keyable: true },
  { sql: 'int4multirange', edges: ['{[1,3),[5,7)}', '{}'], keyable: true },
  { sql: 'datemultirange', edges: ['{[2026-01-01,2026-02-01)}', '{}'], keyable: true },
  { sql: 'tsvector', edges: ["'a':1 'b''c':2", "'\\\\':3A", ''], keyable: false },
  { sql: 'tsquery', edges: ["'a' & !'b'", ''], keyable: false },
  { sql: 'bit(3)', edges: ['101', '000'], keyable: true },
  { sql: 'bit varying', edges: ['', '1', '0101'], large: (random) => `repeat('10', ${5000 + random.below(20000)})::bit varying`, keyable: true },
  { sql: 'point', edges: ['(1.5,-2)', '(1e+300,-0)', '(NaN,Infinity)'], keyable: false },
  { sql: 'box', edges: ['(2,2),(1,1)'], keyable: false },
  { sql: 'path', edges: ['[(0,0),(1,1)]', '((0,0),(1,-0))'], keyable: false },
  { sql: 'circle', edges: ['<(1,2),3>'], keyable: false },
  { sql: 'pg_lsn', edges: ['0/16B3748', 'FFFFFFFF/FFFFFFFF'], keyable: true },
  { sql: 'bytea', edges: ['\\x', '\\x00', '\\x00ff0a5c09', `\\x${Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0')).join('')}`], random: bytes, large: (random) => `decode(${digest(random)}, 'hex')`, keyable: true },
  { sql: 'json', edges: ['{"a": 1,  "a": 2}', 'null', '"\\u0000"', '"\\u00e9\\n"', '[1.0, 1e400, 123456789012345678901234567890]', ' { } ', '"\t"'.replace('\t', '\\t'), '{"x"\n:\t1}'], large: (random) => `to_json(${large(random)})`, keyable: false },
  { sql: 'jsonb', edges: ['{"a": [1, null, "x\\ty"]}', '12345678901234567890.10', 'null', '""', '{"_action": "\\\\N"}'], large: (random) => `to_jsonb(${large(random)})`, keyable: true },
  { sql: 'jsonpath', edges: ['$."a b"[*] ? (@ > 1)'], keyable: false },
  { sql: 'date', edges: ['2026-01-01', 'infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '0044-03-15 BC', '10000-01-01'], keyable: true },
  { sql: 'time', edges: ['00:00:00', '24:00:00', '12:34:56.789012'], keyable: true },
  { sql: 'time with time zone', edges: ['12:34:56+00', '12:34:56.5-07:30', '00:00:00+15:59:59', '24:00:00-15:59'], keyable: true },
  { sql: 'timestamp', edges: ['2026-01-01 00:02:01.5', 'infinity', '-infinity', '0044-03-15 12:00:00 BC', '294276-12-31 23:59:59.999999', '2000-01-01'], random: instant, keyable: true },
  { sql: 'timestamp(3) with time zone', edges: ['2026-01-01 00:02:01.567+00', '1999-12-31 23:59:59.9999+00'], keyable: true },
  { sql: 'timestamptz', edges: ['2026-01-01 00:02:01.5+00', '2026-07-01 12:00:00+02', 'infinity', '-infinity', '0044-03-15 12:00:00+00 BC', '4713-01-01 00:00:00+00 BC', '294276-12-31 23:59:59.999999+00', '10000-01-01 00:00:00+00'], random: instant, keyable: true },
  { sql: 'integer[]', edges: ['{}', '{1,NULL,-3}', '{{1,2},{3,4}}', '[0:1]={1,2}', '[-1:0][2:3]={{1,2},{3,NULL}}'], large: (random) => `ARRAY(SELECT (g * ${random.below(1e6)}::bigint % 1000003)::integer FROM generate_series(1, 3000) AS g)`, keyable: true },
  { sql: 'bigint[]', edges: ['{9223372036854775807,-9007199254740993}', '{{{1}}}'], keyable: true },
  { sql: 'numeric[]', edges: ['{1.10,NaN,Infinity,-0.0,NULL,123456789012345678901234567890.5}', '{1e-20}'], keyable: true },
  { sql: 'numeric(6,1)[]', edges: ['{1.10,NULL}'], keyable: true },
  { sql: 'double precision[]', edges: ['{NaN,Infinity,-Infinity,-0,1e+300,0.1}'], keyable: true },
  { sql: 'real[]', edges: ['{1e-45,1e+06}'], keyable: true },
  { sql: 'boolean[]', edges: ['{t,f,NULL}', '{{t},{f}}'], keyable: true },
  { sql: 'text[]', edges: ['{}', '{""}', '{NULL,"NULL",null,"a,b","a;b","{","}","\\"","\\\\"," x","x\ty","é😀",a]b,[}', '{{a,"b c"},{"",NULL}}', '[2:3]={"]",x}', '{"\u2028","\ufeff","\u00a0"}'], large: (random) => `ARRAY[${large(random)}, NULL, '']`, keyable: true },
  { sql: 'character varying(3)[]', edges: ['{a,"b c"}'], keyable: true },
  { sql: 'bytea[]', edges: ['{"\\\\x00ff",NULL,"\\\\x"}'], keyable: true },
  { sql: 'timestamptz[]', edges: ['{"2026-01-01 00:00:00+00",infinity,NULL,"0044-03-15 12:00:00+00 BC"}'], keyable: true },
  { sql: 'date[]', edges: ['{2026-01-01,infinity}'], keyable: true },
  { sql: 'money[]', edges: ['{$1.00,"$1,000.00"}'], keyable: true },
  { sql: 'json[]', edges: ['{"{\\"a\\": \\"b\\\\\\\\c\\"}",NULL}'], keyable: false },
  { sql: 'box[]', edges: ['{(2,2),(1,1);(4,4),(3,3)}', '{NULL;(1,1),(0,0)}', '{}'], keyable: false },
  { sql: 'int4range[]', edges: ['{"[1,2)",empty,NULL}'], keyable: true },
  { sql: '"char"[]', edges: ['{a,"",NULL,"\\\\"}'], keyable: true },
  // contrib's, which every world has in public
  { sql: 'public.citext', edges: ['a', 'A', 'ß', '', '\t'], random: textOf, large: largeText, keyable: true },
  { sql: 'public.citext[]', edges: ['{a,NULL,"A b"}'], keyable: true },
  { sql: 'public.hstore', edges: ['', '"a"=>"1", "b"=>NULL', '"\\"q"=>"\\\\"', '"NULL"=>""'], keyable: true },
  { sql: 'public.ltree', edges: ['', 'a.b.c', 'Top.x_1'], keyable: true },
  { sql: 'public.cube', edges: ['(1,2),(3,4)', '(0)'], keyable: true },
  { sql: 'public.seg', edges: ['1.50', '1 .. 2', '~5'], keyable: true },
  { sql: 'public.isbn13', edges: ['978-0-393-04002-9'], keyable: true },
];

/** Types of the seed's own schema: what makes them, and what they are. */
export interface OwnTypes {
  readonly ddl: readonly string[];
  readonly types: readonly Type[];
}

/** Enums, domains over domains, composites in arrays in composites. `names` gives seven names. */
export function ownTypes(schema: string, names: readonly string[]): OwnTypes {
  const [mood, number, year, word, pair, nest, list] = names.map((name) => `${ident(schema)}.${ident(name)}`);
  return {
    ddl: [
      `CREATE TYPE ${mood} AS ENUM ('sad', 'so "so", {sad}', 'tab\there', '\\N', 'it''s', '😀')`,
      `CREATE DOMAIN ${number} AS integer CHECK (VALUE > -10000)`,
      `CREATE DOMAIN ${year} AS ${number} CHECK (VALUE < 3000)`,
      `CREATE DOMAIN ${word} AS character varying(40) CHECK (VALUE <> 'never')`,
      `CREATE TYPE ${pair} AS (a integer, "b ""c" text, m ${mood}[])`,
      `CREATE DOMAIN ${list} AS ${year}[]`,
      `CREATE TYPE ${nest} AS (p ${pair}, ps ${pair}[], "day" date)`,
    ],
    types: [
      { sql: mood, edges: ['sad', 'so "so", {sad}', 'tab\there', '\\N', "it's", '😀'], keyable: true },
      { sql: `${mood}[]`, edges: ['{}', '{sad,"so \\"so\\", {sad}",NULL}', '{"\\\\N","tab\there"}'], keyable: true },
      { sql: year, edges: ['0', '-9999', '2999'], keyable: true },
      { sql: `${year}[]`, edges: ['{1,NULL}', '{}'], keyable: true },
      { sql: list, edges: ['{1,NULL}', '{{1},{2}}', '[2:2]={7}'], keyable: true },
      { sql: `${list}[]`, edges: ['{"{1,2}",NULL,"{}"}', '{"[2:2]={7}"}'], keyable: true },
      { sql: word, edges: ['01234', '', '1.10', '\t', 'null'], keyable: true },
      { sql: pair, edges: ['(1,"a b",{sad})', '(,,)', '(2,"""","{NULL,""\\\\\\\\N""}")', '(-1,"\\\\",)'], large: (random) => `ROW(1, ${large(random)}, NULL)::${pair}`, keyable: true },
      { sql: `${pair}[]`, edges: ['{"(1,\\"a b\\",)",NULL}', '{}'], keyable: true },
      { sql: nest, edges: ['("(1,a,)","{""(2,b,)""}",2026-01-01)', '(,,infinity)'], keyable: true },
    ],
  };
}

/** A type for a column, one of the seed's own every now and then. */
export function anyType(random: Random, own: OwnTypes): Type {
  return random.below(4) === 0 ? random.pick(own.types) : random.pick(BUILT_IN);
}

export function typeNamed(sql: string): Type {
  const type = BUILT_IN.find((candidate) => candidate.sql === sql);
  if (type === undefined) throw new Error(`no type ${sql}`);
  return type;
}

export function keyType(random: Random, own: OwnTypes): Type {
  for (;;) {
    const type = anyType(random, own);
    if (type.keyable) return type;
  }
}

/** A value as an SQL expression of the type; never NULL. */
export function valueOf(random: Random, type: Type, mayBeLarge: boolean): string {
  if (mayBeLarge && type.large !== undefined && random.below(4) === 0) return `(${type.large(random)})::${type.sql}`;
  const text = type.random !== undefined && random.below(3) === 0 ? type.random(random) : random.pick(type.edges);
  return `${literal(text)}::${type.sql}`;
}

/** Of a key: none is too long for an index, but some are long enough to be stored out of line. */
export function keyValueOf(random: Random, type: Type): string {
  if (type.sql === 'text' && random.below(12) === 0) return `(SELECT string_agg(md5('${random.below(4)}' || g), '') FROM generate_series(1, 70) AS g)`;
  return valueOf(random, type, false);
}
