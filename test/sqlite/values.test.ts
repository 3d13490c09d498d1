import assert from 'node:assert/strict';
import Database from 'better-sqlite3';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { openReader } from '../../src/sqlite/open.js';
import { affinityOf, canonical, valueOf, type Numeric, type Stored } from '../../src/sqlite/values.js';
import { compareAll } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { runImport, writeLog } from '../support/import.js';
import { Random } from '../support/random.js';
import { TEXTS } from '../support/samples.js';

let server: Server;
before(async () => { server = await Server.start({ plugin: false }); });
after(() => server.stop());

test('random floats, texts and arrays come back as Postgres prints them', async (t) => {
  const folder = temporaryFolder(t);
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const bits = new DataView(new ArrayBuffer(8));
  const float8 = () => { bits.setUint32(0, random.below(2 ** 32)); bits.setUint32(4, random.below(2 ** 32)); return bits.getFloat64(0); };
  const float4 = () => { bits.setUint32(0, random.below(2 ** 32)); return bits.getFloat32(0); };
  const integral = () => Math.floor(random.next() * 2 ** (50 + random.below(20)));
  const short = TEXTS.filter((text) => text.length < 100);
  const text = () => Array.from({ length: random.below(6) }, () => random.pick(short)).join('');
  const array = () => Array.from({ length: random.below(5) }, () => (random.below(5) === 0 ? null : text()));
  const client = await server.client();
  try {
    await client.query('CREATE SCHEMA random; CREATE TABLE random.t (id int PRIMARY KEY, a float8, b float4, c float8, d text, e text[], f float8[])');
    const rows = Array.from({ length: 20_000 }, (_, id) => ({ id, a: String(float8()), b: String(float4()), c: String(integral()), d: text(), e: array(), f: [String(float8()), String(integral())] }));
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

/** What a column of this type holds after it was given this text: storage class and value. */
function held(type: string, text: string, numeric: Numeric = 'text'): { storage: string; value: Stored } {
  const db = new Database(':memory:');
  db.exec(`CREATE TABLE t (v ${affinityOf(type, numeric)})`);
  db.prepare('INSERT INTO t VALUES (?)').run(valueOf(type, numeric)(text));
  const [storage, value] = db.prepare<[], [string, Stored]>('SELECT typeof(v), v FROM t').raw().safeIntegers().get() as [string, Stored];
  db.close();
  return { storage, value };
}

function comesBack(type: string, text: string, numeric?: Numeric): string | null {
  return canonical(type, held(type, text, numeric).value);
}

test('-0 in a float column comes back as 0, the one value that does not come back as it was', () => {
  assert.equal(comesBack('double precision', '-0'), '0');
  assert.equal(comesBack('real', '-0'), '0');
  assert.equal(comesBack('double precision[]', '{-0}'), '{-0}');
  assert.equal(comesBack('point', '(-0,0)'), '(-0,0)');
});

describe('arrays', () => {
  const json = (type: string, text: string) => {
    assert.equal(comesBack(type, text), text);
    return held(type, text).value;
  };

  test('elements are told apart by their type\'s delimiter', () => {
    assert.equal(json('box[]', '{(2,2),(1,1);NULL}'), '["(2,2),(1,1)",null]');
    assert.equal(json('public.box[]', '{a,"b,c",d;e}'), '["a","b,c","d;e"]');
    assert.equal(json('public.geometry(Point,4326)[]', '{0101:NULL:0102}'), '["0101",null,"0102"]');
    assert.equal(json('gis.geography[]', '{0101}'), '["0101"]');
    assert.equal(json('public.constructor[]', '{a,b}'), '["a","b"]');
  });

  test('what does not read as elements between that delimiter keeps Postgres\'s form', () => {
    for (const text of ['{"(1,2)","(3,4)"}', '{a,b}']) assert.equal(json('public.geometry[]', text), text);
    for (const text of ['{"a b"|c}', '{a|"b c"}', '{"x"|"y","z"}']) assert.equal(json('public.piped[]', text), text);
  });

  test('an array of a domain over an array holds the inner arrays as text', () => {
    assert.equal(json('integer[][]', '{"{1,2}",NULL,"{}"}'), '["{1,2}",null,"{}"]');
    assert.equal(json('box[][]', '{"{(2,2),(1,1);(4,4),(3,3)}";NULL}'), '["{(2,2),(1,1);(4,4),(3,3)}",null]');
  });

  test('bounds other than 1 keep Postgres\'s form', () => {
    assert.equal(json('text[]', '[2:3]={"]",x}'), '[2:3]={"]",x}');
  });
});

describe('numeric as REAL', () => {
  const real = (type: string, text: string) => ({ ...held(type, text, 'real'), back: comesBack(type, text, 'real') });

  test('is the nearest double, and goes back to its shortest digits', () => {
    assert.deepEqual(real('numeric(10,2)', '1.10'), { storage: 'real', value: 1.1, back: '1.1' });
    assert.deepEqual(real('numeric', '-12'), { storage: 'real', value: -12, back: '-12' });
    assert.deepEqual(real('numeric', '0.000'), { storage: 'real', value: 0, back: '0' });
    assert.deepEqual(real('numeric', '123456789012345678901234567890.5'), { storage: 'real', value: 1.2345678901234568e29, back: '123456789012345680000000000000' });
    assert.deepEqual(real('numeric', '0.0000000001'), { storage: 'real', value: 1e-10, back: '0.0000000001' });
    assert.deepEqual(real('numeric', `0.${'0'.repeat(400)}1`), { storage: 'real', value: 0, back: '0' });
  });

  test('NaN is text, the infinities are REAL', () => {
    assert.deepEqual(real('numeric', 'NaN'), { storage: 'text', value: 'NaN', back: 'NaN' });
    assert.deepEqual(real('numeric', 'Infinity'), { storage: 'real', value: Infinity, back: 'Infinity' });
    assert.deepEqual(real('numeric', '-Infinity'), { storage: 'real', value: -Infinity, back: '-Infinity' });
  });

  test('beyond a double the digits are kept, never an infinity', () => {
    const digits = `-${'9'.repeat(400)}.5`;
    assert.deepEqual(real('numeric', digits), { storage: 'blob', value: Buffer.from(digits), back: digits });
  });

  test('money is a number of its currency', () => {
    assert.deepEqual(real('money', '-$1,234.56'), { storage: 'real', value: -1234.56, back: '-$1,234.56' });
    assert.deepEqual(real('money', '$0.07'), { storage: 'real', value: 0.07, back: '$0.07' });
    assert.deepEqual(real('money', '$1,000,000.10'), { storage: 'real', value: 1000000.1, back: '$1,000,000.10' });
    assert.deepEqual(real('money', '$100.00'), { storage: 'real', value: 100, back: '$100.00' });
    assert.deepEqual(real('money', '-$92,233,720,368,547,758.08'), { storage: 'real', value: -92233720368547760, back: '-$92,233,720,368,547,760.00' });
  });

  test('arrays keep every digit', () => {
    assert.equal(comesBack('numeric[]', '{1.10,NULL}', 'real'), '{1.10,NULL}');
    assert.equal(comesBack('money[]', '{$1.10,"$1,000.00"}', 'real'), '{$1.10,"$1,000.00"}');
  });
});
