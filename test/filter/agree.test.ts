/** The import asks Postgres which rows are in, the mirror asks src/filter: they must never differ. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type pg from 'pg';
import { Server } from '../../dev/postgres.js';
import { classOf } from '../../src/filter/classes.js';
import { readLiteral } from '../../src/filter/literal.js';
import { parseFilter } from '../../src/filter/parse.js';
import { connect } from '../../src/postgres/connection.js';
import { copyOut } from '../../src/postgres/copy.js';
import { filterSql } from '../../src/postgres/filter.js';
import { assertAgree, bind, held, quote, readTable, type Table } from './both.js';

interface Case {
  readonly type: string;
  /** Values of the column; NULL is added. */
  readonly values: readonly string[];
  /** Literals as a filter has them; by default the values, quoted. */
  readonly literals?: readonly string[];
  /** False: = and <> alone. */
  readonly ordered?: boolean;
}

const DIGITS = '1234567890'.repeat(13_107) + '12';
const TEXTS = ['', ' ', '  ', 'a', 'A', 'a ', ' a', 'ab', 'á', 'a\u0301', 'é', 'e', 'z', 'Z', 'ß', 'ss', '\\', '\\\\', "'", "''", '"', '%', '_', '\\%', 'a%b', 'a_b', 'axb', 'a\nb', 'a\tb', 'a\r', '\n',
  'NULL', 'null', '\\N', '漢字', '😀', '😁', '\uffff', '\ufffd', '\ue000', '\ud7ff', '\u{10ffff}', '😀a', 'a😀b', '\u0001', '\u007f', '\u0080', '\u2028', '10', '9', '-1', "'; DROP TABLE t; --", '$1', 'E\'x\''];
const DOUBLES = ['NaN', 'Infinity', '-Infinity', '0', '-0', '1', '-1', '0.1', '1.1', '5e-324', '-5e-324', '2.2250738585072014e-308', '1.7976931348623157e308', '1e15', '1e-5', '123456789.123', '9007199254740993', '9007199254740992', '16777217'];
const REALS = ['NaN', 'Infinity', '-Infinity', '0', '-0', '1', '-1', '0.1', '1.1', '1e-45', '3.4028235e38', '16777216', '1e6', '0.00001', '123456.7', '1.17549435e-38'];
const NUMERICS = ['NaN', 'Infinity', '-Infinity', '0', '-0.00', '0.000', '1', '1.0', '1.10', '1.1', '-1.10', '-1.1', '10', '9', '9.99999999999999999999', '100', '99', '-100', '-99', '0.1', '0.09', '1e-20', '-1e-20', '1e20',
  '123456789012345678901234567890.123456789', '123456789012345678901234567890.12345678', '999999999999999', '1000000000000000', '99999999999999.9', '0.0000000000001', DIGITS, `-${DIGITS}`, `0.${'0'.repeat(16_382)}1`, `1${'0'.repeat(131_071)}`];
const number = (texts: readonly string[]) => texts.map((text) => (/\d/.test(text) ? text : quote(text)));
const MOMENTS = ['2026-01-01', '2026-12-31', '0001-01-01', '9999-12-31', '2024-02-29', '1969-12-31', '1970-01-01'];
const CLOCKS = ['00:00:00', '00:00:00.000001', '00:02:01', '00:02:01.4', '00:02:01.45', '00:02:01.5', '23:59:59.999999'];
const FAR = ['infinity', '-infinity', '4714-11-24 BC', '0044-03-15 BC', '0044-03-16 BC', '0001-12-31 BC', '0002-01-01 BC', '10000-01-01', '99999-12-31', '100000-01-01', '294276-12-31'];

const stamps = MOMENTS.slice(0, 3).flatMap((day) => CLOCKS.map((clock) => `${day} ${clock}`));
const farStamps = FAR.map((day) => day.replace(/^\d[\d-]+/, '$& 12:00:00.5'));

const CASES: readonly Case[] = [
  { type: 'smallint', values: ['-32768', '-1', '0', '1', '10', '9', '32767'], literals: ['-32768', '0', '1', '9', '10', '32767', '32768', '1.5', '1.0', '1e1', '-0', "'9'", '99999999999999999999'] },
  { type: 'integer', values: ['-2147483648', '-10', '-9', '0', '1', '9', '10', '2147483647'], literals: ['-10', '-9', '0', '9.5', '10.000', '2147483648', '1e3', '.5', '9.'] },
  { type: 'bigint', values: ['-9223372036854775808', '9223372036854775807', '9007199254740993', '9007199254740992', '-9007199254740993', '999999999999999', '1000000000000000', '0', '7'], literals: ['9223372036854775807', '9223372036854775808', '-9223372036854775808', '9007199254740993', '9007199254740992', '999999999999999', '1000000000000000.5', '1e18', '1e19', '0'] },
  { type: 'oid', values: ['0', '1', '4294967295', '2147483648'], literals: ['0', '-1', '4294967295', '4294967296', '2147483648.0'] },
  { type: 'numeric', values: NUMERICS, literals: number(NUMERICS.filter((text) => text.length < 500)).concat('1e500', '-1e500', '1e-500') },
  { type: 'numeric(10,2)', values: ['1.10', '1.11', '-99999999.99', '0', 'NaN'], literals: ['1.1', '1.100', '0', '-99999999.99', "'NaN'", "'Infinity'"] },
  { type: 'real', values: REALS, literals: number(REALS).concat('1.1000000238418579', '1e300', '0.1000000014901161') },
  { type: 'double precision', values: DOUBLES, literals: number(DOUBLES).concat('0.1000000000000000055', "'1e3'") },
  { type: 'boolean', values: ['t', 'f'], literals: ['true', 'false'] },
  { type: 'text', values: TEXTS },
  { type: 'character varying(20)', values: TEXTS.filter((text) => text.length <= 20) },
  { type: 'character(5)', values: ['', ' ', 'a', 'A', 'a  ', ' a', 'ab', 'abcde', 'a\n', 'a\t', 'é', '😀', '\\', '%'] },
  { type: 'bpchar', values: ['', 'a', 'a  ', 'ab '] },
  { type: 'name', values: ['', 'a', 'A', 'a ', '😀', '\uffff', '%'] },
  { type: 'text COLLATE public.blind', values: TEXTS },
  { type: 'character varying(20) COLLATE public.blind', values: TEXTS.filter((text) => text.length <= 20) },
  { type: 'character(5) COLLATE public.blind', values: ['a', 'A', 'á', 'ab', 'AB', ''] },
  { type: 'public.word', values: TEXTS },
  { type: 'public.padded', values: ['a', 'a ', 'A', ''] },
  { type: 'uuid', values: ['00000000-0000-0000-0000-000000000000', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '9fffffff-ffff-ffff-ffff-ffffffffffff'] },
  { type: 'date', values: [...MOMENTS, ...FAR, '5874897-12-31'], literals: [...MOMENTS, 'infinity', '-infinity'].map(quote) },
  { type: 'time', values: [...CLOCKS, '24:00:00', '12:00:00'], literals: [...CLOCKS, '24:00', '24:00:00.000', '12:00', '00:02:01.50'].map(quote) },
  { type: 'timestamp', values: [...stamps, ...farStamps, '2025-12-31 24:00:00'], literals: [...stamps, 'infinity', '-infinity', '2026-01-01', '2026-01-01T00:02:01.450', '9999-12-31 23:59:59.999999', '0001-01-01'].map(quote) },
  { type: 'timestamp(3)', values: ['2026-01-01 00:02:01.567', '2026-01-01 00:02:01', 'infinity'], literals: ['2026-01-01 00:02:01.567', '2026-01-01 00:02:01.5671', '2026-01-01 00:02'].map(quote) },
  { type: 'timestamptz', values: [...stamps, ...farStamps, '10000-01-01 05:00:00+00', '0001-12-31 18:00:00+00 BC', '0001-12-31 19:00:00+00 BC'],
    literals: [...stamps.flatMap((text) => [`${text}Z`, `${text}+02:00`, `${text}-15:59`]), 'infinity', '-infinity', '9999-12-31 23:00-06', '0001-01-01 00:00+05:00', '0001-01-01T00:00+06', '2026-01-01T05:32:01.5+05:30'].map(quote) },
  { type: 'public.mood', values: ['sad', 'ok', 'so "so", {sad}', "it's"], ordered: false },
  { type: 'public.gloom', values: ['sad', 'ok'], ordered: false },
  { type: 'public.pair', values: ['(,)', '(1,)', '(1,"a b")', '(2,"""")'], ordered: false },
  { type: 'public.span', values: ['[1.5,2)', 'empty', '(,)'], ordered: false },
];

/** Types whose literals have several spellings, as the log names them. */
const SPELLED: Readonly<Record<string, string>> = { numeric: 'numeric', 'double precision': 'double precision', uuid: 'uuid', date: 'date', time: 'time without time zone', timestamp: 'timestamp without time zone', timestamptz: 'timestamp with time zone' };

/** By database: characters of its encoding. */
const FOREIGN: Readonly<Record<string, readonly string[]>> = { western: ['é', 'ÿ', 'éa'], windows: ['é', 'ÿ', '€', 'Š', '™', '\u02dc'], japanese: ['漢', '字', '漢a', '∥', 'ア'] };

const OPERATORS = ['=', '<>', '!=', '<', '<=', '>', '>='];

let server: Server;
const clients: pg.Client[] = [];
before(async () => {
  // Settings that a filter must not notice.
  server = await Server.start({ plugin: false, settings: { standard_conforming_strings: 'off', backslash_quote: 'off', escape_string_warning: 'off', DateStyle: 'SQL, DMY', TimeZone: 'Asia/Kathmandu' } });
  await server.query(`CREATE DATABASE english TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'`);
  await server.query(`CREATE DATABASE western TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'`);
  await server.query(`CREATE DATABASE windows TEMPLATE template0 ENCODING WIN1252 LOCALE 'C'`);
  await server.query(`CREATE DATABASE japanese TEMPLATE template0 ENCODING EUC_JP LOCALE 'C'`);
  await server.query(`CREATE DATABASE bytes TEMPLATE template0 ENCODING SQL_ASCII LOCALE 'C'`);
  await server.query(`CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'so "so", {sad}', 'it''s'); CREATE DOMAIN gloom AS mood; CREATE TYPE pair AS (a int, b text); CREATE TYPE span AS RANGE (subtype = numeric);
    CREATE FUNCTION misleading(mood) RETURNS text LANGUAGE sql RETURN 'sad'; CREATE CAST (mood AS text) WITH FUNCTION misleading(mood) AS IMPLICIT;
    CREATE DOMAIN word AS text COLLATE blind; CREATE DOMAIN padded AS char(4)`, 'english');
});
after(async () => {
  await Promise.all(clients.map((client) => client.end()));
  await server.stop();
});

async function open(database: string): Promise<pg.Client> {
  const client = await connect(server.url(database), { applicationName: 'test' });
  clients.push(client);
  return client;
}

/** Every pair of the values, NULL among them, as columns v and w. */
async function pairs(client: pg.Client, name: string, type: string, values: readonly string[]): Promise<Table> {
  await client.query(`CREATE TABLE public.${name} (i int, v ${type}, w ${type})`);
  await client.query(`WITH value (at, v) AS (SELECT ordinality, text FROM unnest($1::text[]) WITH ORDINALITY AS u (text, ordinality))
    INSERT INTO public.${name} SELECT row_number() OVER (ORDER BY a.at, b.at) - 1, a.v::${type.replace(/ COLLATE .*/, '')}, b.v::${type.replace(/ COLLATE .*/, '')} FROM value AS a, value AS b`, [[...values, null]]);
  return readTable(client, name);
}

for (const [at, { type, values, literals = values.map(quote), ordered = true }] of CASES.entries()) {
  test(`Postgres and the filter agree on ${type}, for every operator and value`, async () => {
    const table = await pairs(await open('english'), `case_${at}`, type, values);
    const operators = ordered ? OPERATORS : OPERATORS.slice(0, 3);
    const filters = [
      ...operators.flatMap((operator) => literals.flatMap((literal) => [`v ${operator} ${literal}`, `${literal} ${operator} v`])),
      ...operators.map((operator) => `v ${operator} w`),
      ...literals.flatMap((literal, i) => [`v IN (${literal})`, `v NOT IN (${literal}, ${literals[(i + 1) % literals.length]})`]),
      `v IN (${literals.join(', ')})`, `v NOT IN (${literals.join(', ')})`, 'v IS NULL', 'v IS NOT NULL', '(v = w) IS TRUE', '(v = w) IS NOT FALSE', 'NOT v = w',
      ...(ordered ? literals.flatMap((literal, i) => [`v BETWEEN ${literal} AND ${literals[(i + 3) % literals.length]}`, `v NOT BETWEEN ${literal} AND w`]) : []),
    ];
    const counts = await assertAgree(table, filters);
    assert.ok(counts.some((count) => count > 0 && count < table.rows.length));
  });
}

test('a literal is the value that Postgres reads in it', async () => {
  const client = await open('english');
  for (const { type, values, literals = values.map(quote) } of CASES) {
    const of = type.includes('(') || type.includes('COLLATE') ? undefined : SPELLED[type];
    if (of === undefined) continue;
    const read = literals.map((literal) => {
      const compared = parseFilter(`v = ${literal}`).condition;
      return compared.kind === 'compare' && compared.right.kind !== 'column' ? readLiteral(compared.right, classOf(of), of) : undefined;
    });
    const sql = literals.map((literal, at) => `(${literal}::${type} = ${quote(read[at]!)}::${type}) AS f${at}`);
    const { rows: [same] } = await client.query<Record<string, boolean>>(`SELECT ${sql.join(', ')}`);
    for (const [at, literal] of literals.entries()) assert.equal(same[`f${at}`], true, `${type} ${literal} was read as ${read[at]}`);
  }
});

test('LIKE agrees, with wildcards, escapes and characters of four bytes', async () => {
  const client = await open('english');
  const patterns = ['', '%', '%%', '_', '__', '%_', '_%', '_%_', 'a', 'a%', '%a', '%a%', 'a_b', 'a\\_b', 'a\\%b', '%\\%%', '\\\\', '%\\\\', '\\\\%', '%\\\\%', '\\a', 'A%', '%b', 'a%b', '😀', '_a', '😀_', '%😀%', 'a_b%', '%_b', '%\n%', 'a\nb', '%\'%', '%"%', ' %', '% ', '%á%', '%__%', '_%b', '%漢_', '\\😀%', 'a%%b', '%a_', '%_a%_', '%DROP%TABLE%'];
  const filters = patterns.flatMap((pattern) => [`v LIKE ${quote(pattern)}`, `v NOT LIKE ${quote(pattern)}`]);
  for (const [at, { type, values }] of CASES.entries()) {
    if (!/^(text|char|name|public\.(word|padded))/.test(type)) continue;
    await assertAgree(await pairs(client, `like_${at}`, type, values.slice(0, 53)), filters);
  }
});

test('decimals of different types agree column by column', async () => {
  const client = await open('english');
  await client.query(`CREATE DOMAIN public.amount AS numeric(12,3); CREATE DOMAIN public.small AS smallint;
    CREATE TABLE public.mixed (i int, a public.small, b bigint, c oid, d public.amount, e real, f double precision, "G g" text, h char(4), "and" boolean, "say ""hi""" varchar(9), l date[])`);
  await client.query(`INSERT INTO public.mixed SELECT i, i % 7 - 3, i % 5 - 2, i % 3, (i % 11 - 5) / 2.0, (i % 13) / 10.0, (i % 6) / 10.0, left('ab  c', i % 6), left('a   ', i % 4), i % 3 = 0, NULL, NULL FROM generate_series(0, 999) AS i`);
  const table = await readTable(client, 'mixed');
  await assertAgree(table, OPERATORS.flatMap((operator) => [`a ${operator} b`, `b ${operator} c`, `c ${operator} d`, `d ${operator} a`, `e ${operator} f`, `"G g" ${operator} h`, `h ${operator} "say ""hi"""`]));
  await assertAgree(table, ['"and"', 'NOT "and"', '"and" IS TRUE', '"and" IS NOT FALSE', '"and" OR a > 1 AND b < 0', '("and" OR a > 1) AND b < 0', 'NOT "and" AND NOT a = 1 OR l IS NULL', 'l IS NOT NULL', '"and" = true', '"and" <> false', '"say ""hi""" IS NULL AND i < 10']);
});

test('a composite whose fields are all null is not NULL', async () => {
  const client = await open('english');
  const table = await pairs(client, 'hollow', 'public.pair', ['(,)']);
  assert.deepEqual(await assertAgree(table, ['v IS NULL', 'v IS NOT NULL']), [2, 2]);
});

test("a server in another encoding than UTF-8 compares text by UTF-8's bytes, with literals too that it cannot spell", async () => {
  for (const database of ['western', 'windows', 'japanese']) {
    const values = ['a', 'z', '', '~', 'az', ...FOREIGN[database]];
    const client = await open(database);
    for (const [at, type] of ['text', 'character(3)', 'public.mood'].entries()) {
      if (at === 2) await client.query(`CREATE TYPE public.mood AS ENUM (${values.map(quote).join(', ')})`);
      const table = await pairs(client, `coded_${at}`, type, values);
      const operators = at === 2 ? OPERATORS.slice(0, 3) : OPERATORS;
      await assertAgree(table, operators.flatMap((operator) => [...values, '漢', '∥', '‖', '😀'].map((value) => `v ${operator} ${quote(value)}`).concat(`v ${operator} w`)));
      if (at < 2) await assertAgree(table, [...['_', '__', 'a_', '%_', ...values.map((value) => `_${value}`)], ...[...values, '漢', '😀'].map((value) => `${value}%`)].flatMap((pattern) => `v LIKE ${quote(pattern)}`));
    }
  }
});

test('a character that the database cannot count or spell fails the copy and never chooses other rows', async () => {
  const client = await open('bytes');
  const table = await pairs(client, 'counted', 'text', ['a', 'ab', 'é', '😀']);
  await assertAgree(table, [...OPERATORS.flatMap((operator) => [`v ${operator} 'é'`, `v ${operator} w`]), "v LIKE 'é%'", "v LIKE '%😀'", "v IN ('é', 'ab')"]);
  const count = (text: string) => client.query(`SELECT FROM public.counted WHERE ${filterSql(bind(table, text))}`);
  await assert.rejects(count("v LIKE '_'"), /LIKE with _ cannot be told in the encoding SQL_ASCII/);
  const western = await readTable(await open('western'), 'coded_0');
  await assert.rejects(western.client.query(`SELECT FROM public.coded_0 WHERE ${filterSql(bind(western, "v LIKE '_漢'"))}`), /has no equivalent in encoding "LATIN1"/);
});

test('the SQL of a filter stands in COPY (SELECT … WHERE …) and finds nothing but rows', async () => {
  const client = await open('english');
  const table = await pairs(client, 'hostile', 'text', TEXTS);
  for (const text of TEXTS) {
    const bound = bind(table, `v = ${quote(text)} OR w LIKE ${quote(text.replaceAll('\\', '\\\\'))}`);
    const rows = await copyOut(client, `COPY (SELECT * FROM public.hostile WHERE ${filterSql(bound)}) TO STDOUT`, () => {});
    assert.equal(rows, held(table, bound).length, bound.filter.text);
  }
});

test('a filter at its limits is understood by both sides', async () => {
  const table = await pairs(await open('english'), 'wide', 'bigint', Array.from({ length: 40 }, (_, i) => String(i * 7)));
  const terms = (count: number, term: (i: number) => string) => Array.from({ length: count }, (_, i) => term(i));
  await assertAgree(table, [terms(4900, (i) => `v = ${i}`).join(' OR '), terms(4000, (i) => `v <> ${i * 14}`).join(' AND '), `v IN (${terms(4999, (i) => String(i * 3)).join(', ')})`, `${'NOT ('.repeat(49)}v > 100 AND v < w${')'.repeat(49)}`]);
});

test('an integer compared with a literal can be found by its index', async () => {
  const client = await open('english');
  await client.query('CREATE TABLE public.indexed (i int PRIMARY KEY); INSERT INTO public.indexed SELECT generate_series(0, 9999); ANALYZE public.indexed');
  const table = await readTable(client, 'indexed');
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN SELECT * FROM public.indexed WHERE ${filterSql(bind(table, 'i = 7'))}`);
  assert.match(rows[0]['QUERY PLAN'], /Index/);
});
