/** The two engines take the same rows to the same values: what native/copy.c and native/value.c do themselves, and where they stop. */
import assert from 'node:assert/strict';
import Database from 'better-sqlite3';
import { test, type TestContext } from 'node:test';
import { reasonOf } from '../../src/errors.js';
import type { Numeric } from '../../src/sqlite/values.js';
import { Copying, messagesOf } from '../support/copying.js';
import { Random } from '../support/random.js';
import { TEXTS } from '../support/samples.js';

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v' };
const escaped = (text: string) => text.replace(/[\\\b\f\n\r\t\v]/g, (char) => ESCAPES[char]);
const hex = (digits: string) => Buffer.from(digits, 'hex');

const INTEGERS = [
  '0', '-0', '7', '007', '-7', '+7', '32767', '-32768', '2147483648', '999999999999999', '-99999999999999', '1000000000000000', '9007199254740993', '-9007199254740993',
  '9223372036854775807', '-9223372036854775808', '9223372036854775808', '-9223372036854775809', '18446744073709551617', '0000000000000000005', '00000000000000000005',
  '', '-', ' 1', '1 ', '1.5', '1e3', '0x10', '1_000', '٣', 'x', '\\N', '\\\\N', '1\\t', '--1', 'NULL',
];
const FLOATS = [
  '0', '-0', '1', '-1', '0.1', '1.1', '123456.7', '16777216', '1e+06', '1e-05', '1e+15', '1e+20', '1e+22', '1e+23', '123456789012345680', '1.7976931348623157e+308', '-1.7976931348623157e+308',
  '5e-324', '-5e-324', '2.2250738585072009e-308', '2.2250738585072014e-308', '1e-45', '3.4028235e+38', '9007199254740993', '9007199254740993.0', '4503599627370496.5', '4503599627370497.5',
  '0.000000000000000000000000000000000000000000000000000000000000000000000000000001', '179769313486231580793728971405301e+276', '0.1e+400', '1e+400', '-1e+400', '1e-400', '1e+99999', '1e+999999999999999999999',
  '123456789012345e+22', '123456789012345e-22', '1234567890123456e+5', '8.41e+21', '9.5e-300', 'Infinity', '-Infinity', 'NaN', '-NaN', 'nan', 'inf', 'infinity', 'Infinit', 'NaNs',
  '', '-', '.', '.5', '5.', '1.e+5', '1e5', '1e', '1e+', 'e+5', '1e+5x', '1..5', '1.5.5', '0x1p+3', ' 1', '1 ', '1,5', '\\N', '9'.repeat(400), `0.${'0'.repeat(400)}1`, '9'.repeat(900), `1.${'3'.repeat(790)}`, `1.${'3'.repeat(799)}`,
];
const TIMES = [
  '2026-01-01 00:00:00+00', '2026-01-01 00:02:01.5+00', '0044-03-15 12:00:00+00 BC', 'infinity', '-infinity', '+00', '00', '+0', '', '2026-01-01 00:00:00+01', '2026-01-01 00:00:00+00:00', 'é+00', '\\N', '\\t+00', '+0\\0', '\\+00', '+00\\',
];
const BYTEAS = ['\\\\x', '\\\\x00', '\\\\x00ff', '\\\\xDEADbeef', '\\\\x0', '\\\\x0g', '\\\\xg0', '\\\\x0011zz22', '\\x00', '\\\\', '\\\\X00', '', 'x00', '\\N', '\\\\x\\00', `\\\\x${'ab'.repeat(70_000)}`];
const RAW_TEXTS = ['\\N', '\\\\N', '\\n', 'a\\', '\\', '\\\\\\', '\\x41', '\\101', '\\é', '\\漢', '\\😀', 'é\\\\漢\\t😀', '\\.', 'a\0b', '\\\0', `${'x'.repeat(70_000)}\\\\`, 'NaN'];

interface Typed { readonly type: string; readonly numeric?: Numeric }

/** As COPY escapes them: two backslashes are one of the array's. */
const ARRAYS = [
  '{}', '{{}}', '{{},{}}', '{1}', '{1,-2,NULL}', '{{1,2},{3,4}}', '{{{1}},{{2}}}', '[0:1]={1,2}', '', '\\N', '{\\N}', '{1.50,-0,1e+20,NaN,Infinity,-Infinity}', '{t,f,NULL}', '{true}', '{"t"}', '{"1"}', '{01,+1,-,-x,1x}',
  '{"2026-01-01 00:00:00+00",infinity,"+00",+00,"00"}', '{"2026-01-01 00:00:00+00","x\\\\+00"}', '{a,"b c","",NULL,"NULL",null,"a,b","{}","q\\\\"r","\\\\\\\\"}', '{é,漢😀,"é 漢","\\\\é"}', '{"\\b\\f\\n\\r\\t\\v",\u0001,\u001f,\u007f,"\u2028"}',
  '{"{1,2}","{3,NULL}"}', '{"\\\\\\\\xdead"}', '{a;b}', '{(1,2),(0,0);(3,3),(1,1)}', '{0101:0102}', '{,}', '{a,}', '{,a}', '{a}b', '{a}}', '{{a}', '{', '{"a', '{"a\\\\"}', '{"a"b}', '{a"b}', '{a\\\\b}', '{a{b}}', '{ a , b }', '{"a" }', '}', '}{', '{a}{b}', '{a},{b}', '{a\\0}', '{NULL,NULLs,"N"}',
];

/** Field by field as COPY sends it; not all of it is what Postgres prints for the type. */
const KINDS: readonly (Typed & { readonly fields: readonly string[] })[] = [
  { type: 'bigint', fields: INTEGERS },
  { type: 'oid', fields: INTEGERS },
  { type: 'boolean', fields: ['t', 'f', 'true', 'T', '', '1', '\\N', 'tt', '\\t'] },
  { type: 'double precision', fields: FLOATS },
  { type: 'numeric(10,2)', fields: FLOATS },
  { type: 'numeric', numeric: 'real', fields: FLOATS },
  { type: 'money', fields: ['$1.00', '-$1,234.56', '', '\\N'] },
  { type: 'money', numeric: 'real', fields: ['$1.00', '-$1,234.56', '\\N'] },
  { type: 'bytea', fields: BYTEAS },
  { type: 'timestamp with time zone', fields: TIMES },
  { type: 'timestamp(3) with time zone', fields: TIMES },
  { type: 'text', fields: [...TEXTS.map(escaped), ...RAW_TEXTS, ...INTEGERS, ...FLOATS] },
  { type: 'public.mood', fields: ['happy', '\\N', ''] },
  ...['integer[]', 'double precision[]', 'numeric(10,2)[]', 'boolean[]', 'timestamp with time zone[]', 'text[]', 'bytea[]', 'money[]', 'public.numbers[][]', 'box[]', 'public.geometry(Point,4326)[]'].map((type) => ({ type, fields: ARRAYS })),
];

/** Bytes that are no UTF-8, and such as nearly are none. */
const BYTES = [
  '80', 'bf', 'c3', 'c328', 'c0af', 'c1bf', 'c280', 'e0a080', 'e09f80', 'e282', 'eda080', 'ed9fbf', 'edbfbf', 'ee8080', 'efbfbf', 'f0908080', 'f08f8080', 'f48fbfbf', 'f4908080', 'f5808080', 'f0909080ff', 'ff', 'fe',
  '61616161616161c3', '61616161616161c3a9', '616161616161616161c3a9', 'c35ca9', '5cc3a9', '5cc3', '6161616161616161e6bca2f09f98', '61616161f09f98806161616161616161', 'c3095c74', '00', 'efbbbf',
].map(hex);

test('every field is held as TypeScript holds it, or refused as TypeScript refuses it', (t) => {
  for (const { fields, ...column } of KINDS) {
    compareFields(t, column, fields.map((field) => Buffer.from(field)));
  }
});

/** As Postgres prints them. */
const PRINTED: readonly (Typed & { readonly fields: readonly string[] })[] = [
  { type: 'smallint', fields: ['-32768', '0', '\\N'] },
  { type: 'bigint', fields: ['-9223372036854775808', '9223372036854775807'] },
  { type: 'boolean', fields: ['t', 'f'] },
  { type: 'real', fields: ['1.1', '-1e-45', '3.4028235e+38', 'NaN', 'Infinity', '-Infinity', '-0'] },
  { type: 'double precision', fields: ['1.7976931348623157e+308', '5e-324', '123456789012345.67'] },
  { type: 'numeric', fields: ['-123456789012345678901234567890.10', 'NaN'] },
  { type: 'numeric', numeric: 'real', fields: ['-123456789012345678901234567890.10', '1.10', 'NaN', '-Infinity'] },
  { type: 'money', numeric: 'real', fields: ['-$92,233,720,368,547,758.08', '$0.00'] },
  { type: 'bytea', fields: ['\\\\x', '\\\\x00ff'] },
  { type: 'timestamp with time zone', fields: ['2026-01-01 00:02:01.5+00', '0044-03-15 12:00:00+00 BC', 'infinity'] },
  { type: 'text', fields: ['', '\\\\N', 'a\\tb\\nc\\rd\\\\e\\b\\f\\v', '漢😀'] },
  { type: 'integer[]', fields: ['{}', '{1,NULL,-3}', '{{1,2},{3,4}}', '[0:1]={1,2}'] },
  { type: 'double precision[]', fields: ['{1.5,NaN,-Infinity,1e+20}'] },
  { type: 'boolean[]', fields: ['{t,f,NULL}'] },
  { type: 'timestamp with time zone[]', fields: ['{"2026-01-01 00:00:00+00",infinity,NULL}'] },
  { type: 'text[]', fields: ['{a,"b c","",NULL,"NULL","q\\\\"r","\\\\\\\\"}'] },
];

test('what Postgres prints is the native engine\'s own', (t) => {
  for (const { type, numeric, fields } of PRINTED) {
    const [, native] = both(t, [type], numeric);
    native.take(fields.map((field) => Buffer.from(`${field}\n`)));
    assert.equal(native.nativeRows, fields.length, type);
  }
});

test('bytes that are not UTF-8 are refused by both engines, and nothing else is', (t) => {
  for (const type of ['text', 'timestamp with time zone', 'bigint', 'double precision', 'bytea', 'boolean']) compareFields(t, { type }, BYTES);
});

test('random fields are held as TypeScript holds them', (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  for (const { fields, ...column } of KINDS) {
    const pieces = [...fields.filter((field) => field.length < 100), ...'0123456789-+.eE\\xNtfIna: {},"'];
    compareFields(t, column, Array.from({ length: 2000 }, () => mutated(random, Array.from({ length: 1 + random.below(3) }, () => random.pick(pieces)).join(''))));
  }
  const bits = new DataView(new ArrayBuffer(8));
  const doubles = Array.from({ length: 20_000 }, () => {
    bits.setUint32(0, random.below(2 ** 32));
    bits.setUint32(4, random.below(2 ** 32));
    const number = bits.getFloat64(0);
    return Buffer.from(random.below(2) === 0 ? number.toExponential() : String(number).replace(/e(?=\d)/, 'e+'));
  });
  compareFields(t, { type: 'double precision' }, doubles);
  compareFields(t, { type: 'double precision' }, Array.from({ length: 20_000 }, () => Buffer.from((random.next() * 10 ** random.below(20)).toFixed(random.below(21)))));
});

test('rows are taken whole, however the messages are cut, in their order and counted', (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const columns = ['bigint', 'text', 'bytea', 'double precision', 'boolean', 'timestamp with time zone', 'text'];
  const field = [
    () => String(random.below(2 ** 32)), () => escaped(random.pick(TEXTS)), () => `\\\\x${Buffer.from(random.pick(TEXTS)).toString('hex')}`,
    // Some of these are TypeScript's.
    () => random.pick(['1.5', '1e5', 'NaN', '\\N']), () => random.pick(['t', 'f', '\\N']), () => '2026-01-01 00:00:00+00', () => (random.below(500) === 0 ? 'x'.repeat(600_000) : random.pick(['', '\\N', 'é', 'a\\'])),
  ];
  const rows = Array.from({ length: 4000 }, () => Buffer.from(`${field.map((make) => make()).join('\t')}\n`));
  const [ts, native] = both(t, columns);
  ts.take(rows);
  const messages = messagesOf(rows);
  for (let from = 0, to = 0; from < messages.length;) {
    to = Math.min(to + 1 + random.below(70_000), messages.length);
    from += native.takeMessages(messages.subarray(from, to));
  }
  assert.equal(native.rows, rows.length);
  assert.ok(native.nativeRows > rows.length / 4 && native.nativeRows < rows.length, `${native.nativeRows} rows were the engine's`);
  assert.deepEqual(native.held(), ts.held());
});

test('a table of 1,600 columns, one of a single column, and rows of NULLs and of empty texts', (t) => {
  const wide = both(t, Array.from({ length: 1600 }, (_, i) => (i % 2 === 0 ? 'integer' : 'text')));
  const rows = ['\\N\t\\N', '1\t', '2\t\\\\N', '3\té'].map((pair) => Buffer.from(`${Array<string>(800).fill(pair).join('\t')}\n`));
  for (const copying of wide) copying.take(rows);
  assert.equal(wide[1].nativeRows, rows.length);
  assert.deepEqual(wide[1].held(), wide[0].held());
  const single = both(t, ['text']);
  for (const copying of single) copying.take(['\n', '\\N\n', 'x\n'].map((row) => Buffer.from(row)));
  assert.deepEqual(single[1].held(), [['text', ''], ['null', null], ['text', 'x']]);
  assert.deepEqual(single[1].held(), single[0].held());
});

test('a row that the table refuses is told, and those before it are in', (t) => {
  const [, native] = both(t, ['integer', 'text']);
  native.cache.exec('CREATE UNIQUE INDEX one ON t (c0)');
  const rows = ['1\ta', '2\tb', '3\tc', '2\td', '4\te'].map((row) => Buffer.from(`${row}\n`));
  assert.throws(() => native.take(rows), (error) => error instanceof Database.SqliteError && error.code === 'SQLITE_CONSTRAINT_UNIQUE' && error.message === 'UNIQUE constraint failed: t.c0');
  assert.deepEqual(native.held().map(([, id]) => id), [1n, 2n, 3n]);
});

test('what is no whole message is not taken, and a copy that is not there is an error', (t) => {
  const [, native] = both(t, ['integer']);
  const copy = native.cache.prepare('SELECT deltamirror_copy(?, ?)').pluck();
  for (const bytes of ['', '64', '6400000006', '640000000631', '6400000003', '6400000000', '64ffffffff310a', '630000000431', '64000000063109', '6400000006310a00'.slice(0, 12)]) {
    assert.equal(copy.get(1, hex(bytes)), 0, bytes);
  }
  assert.equal(copy.get(1, hex('6400000006310a64000000')), 7);
  assert.equal(copy.get(1, null), 0);
  assert.throws(() => copy.get(2, hex('64')), /no such copy/);
  const open = native.cache.prepare('SELECT deltamirror_copy_open(?, ?)');
  const insert = 'INSERT OR FAIL INTO t SELECT c0 FROM _daystream_incoming';
  for (const [sql, kinds] of [[insert, '?'], [insert, '-'], [insert, ''], [insert, 'i'.repeat(1601)], ['INSERT INTO missing VALUES (1)', 'i'], [null, 'i'], [insert, null]]) {
    assert.throws(() => open.get(sql, kinds), Database.SqliteError);
  }
});

function both(t: TestContext, types: readonly string[], numeric?: Numeric): readonly [Copying, Copying] {
  const pair = [new Copying('ts', types, numeric), new Copying('native', types, numeric)] as const;
  t.after(() => { for (const copying of pair) copying.close(); });
  return pair;
}

/** One row for each field, each given alone: a row that is refused does not hide the next. */
function compareFields(t: TestContext, column: Typed, fields: readonly Buffer[]): void {
  const [ts, native] = both(t, [column.type], column.numeric);
  for (const field of fields) {
    const [one, other] = [ts, native].map((copying) => refusal(() => copying.take([Buffer.concat([field, hex('0a')])])));
    assert.equal(other, one, `${column.type}: ${JSON.stringify(field.toString('latin1').slice(0, 200))}`);
  }
  const [one, other] = [ts.held(), native.held()];
  assert.equal(native.rows, other.length);
  if (one.length === other.length) one.forEach((values, i) => assert.deepEqual(other[i], values, `${column.type}: row ${i}`));
  else assert.equal(other.length, one.length, column.type);
}

function refusal(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** The text with a byte changed, added or taken away here and there; never a line feed or a tab, which end a field. */
function mutated(random: Random, text: string): Buffer {
  const bytes = [...Buffer.from(text)];
  for (let n = random.below(3); n > 0; n--) bytes.splice(random.below(bytes.length + 1), random.below(2), ...(random.below(3) === 0 ? [] : [random.below(256)]));
  return Buffer.from(bytes.filter((byte) => byte !== 9 && byte !== 10));
}
