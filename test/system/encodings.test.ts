/** Databases whose text is not UTF-8, and types whose text is none. */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import type pg from 'pg';
import { isSegmentName } from '../../src/daystream/segment.js';
import { readable } from '../../src/postgres/names.js';
import { cellsOf } from '../support/cells.js';
import { query } from '../support/cache.js';
import { Path, runCommand } from '../support/path.js';

/** Every character of a single-byte encoding, or a sample of a larger one, in names and in values. */
const ENCODINGS = [
  { encoding: 'LATIN1', name: 'é "Größe"', column: 'ÿ_ü', text: `chr(i)`, from: 1, to: 255, except: [0x80, 0x9f] },
  { encoding: 'WIN1251', name: 'Таблица', column: 'Столбец', text: `convert_from(set_byte('\\x00', 0, i), 'WIN1251')`, from: 1, to: 255, except: [0x98, 0x98] },
  { encoding: 'EUC_JP', name: '表', column: '名前', text: `convert_from(set_byte(set_byte('\\x0000', 0, 176 + i / 94), 1, 161 + i % 94), 'EUC_JP')`, from: 0, to: 2900, except: [-1, -1] },
];

async function start(t: TestContext, encoding: string): Promise<{ path: Path; client: pg.Client }> {
  const path = await Path.start(t, { initdb: [`--encoding=${encoding}`, '--locale=C'] });
  const client = await path.client();
  t.after(() => client.end());
  return { path, client };
}

describe('a server in another encoding', () => {
  for (const { encoding, name, column, text, from, to, except } of ENCODINGS) {
    test(`${encoding}: names and text arrive as the characters that they are, streamed and copied`, async (t) => {
      const { path, client } = await start(t, encoding);
      const table = client.escapeIdentifier(name);
      await client.query(`CREATE TYPE mood AS ENUM ('${column}'); CREATE TABLE ${table} (${client.escapeIdentifier(column)} text PRIMARY KEY, n int, m mood, a text[], j json)`);
      path.deltastream();
      await path.import('*');
      path.mirror();
      await client.query(`INSERT INTO ${table} SELECT ${text}, i, '${column}', ARRAY[${text}, '${column}'], to_json(${text}) FROM generate_series(${from}, ${to}) AS i WHERE i NOT BETWEEN ${except[0]} AND ${except[1]}`);
      await client.query(`UPDATE ${table} SET n = -n; DELETE FROM ${table} WHERE n % 7 = 0`);
      await path.caughtUp(path.cache());
      await path.import('*', path.cache('copied.db'));
      for (const cache of ['cache.db', 'copied.db']) assert.ok(await path.compare(path.cache(cache), [name]) > 150);
      assert.deepEqual(cellsOf(path.cache(), name), cellsOf(path.cache('copied.db'), name));
    });
  }
});

/** Rows that are not text go in, and the table stands where it stood; the others go on. */
async function expectQuarantine(path: Path, client: pg.Client, insert: string, reason: RegExp): Promise<void> {
  path.deltastream();
  await path.import('*');
  path.mirror();
  await client.query(insert);
  await client.query('INSERT INTO good VALUES (1)');
  await path.caughtUp(path.cache());
  const reasons = query(path.cache(), 'SELECT * FROM _daystream_tables WHERE reason IS NOT NULL');
  assert.equal(reasons.length, 1);
  assert.match(String(reasons[0].reason), reason);
  assert.deepEqual(query(path.cache(), 'SELECT count(*) AS n FROM bad'), [{ n: 1 }]);
  assert.deepEqual(query(path.cache(), 'SELECT count(*) AS n FROM good'), [{ n: 1 }]);
}

function logOf({ log }: Path): string {
  return readdirSync(log).filter(isSegmentName).map((name) => readFileSync(join(log, name), 'utf8')).join('');
}

function expectRefusal(path: Path, tables: string, status: number, reason: RegExp): void {
  const refused = runCommand('deltaimport', ['--tables', tables, '--source', path.log, path.cache('refused.db')], path.environment);
  assert.equal(refused.status, status);
  assert.match(refused.stderr, /public\.bad\b/);
  assert.match(refused.stderr, reason);
}

describe('bytes that are no text', () => {
  test('SQL_ASCII: streamed, the table goes into quarantine; copied, it is refused by name; what is UTF-8 arrives', async (t) => {
    const { path, client } = await start(t, 'SQL_ASCII');
    await client.query(`CREATE TABLE bad (id int PRIMARY KEY, v text); CREATE TABLE good (id int PRIMARY KEY, v text DEFAULT 'é漢😀'); INSERT INTO bad VALUES (1, 'é')`);
    await expectQuarantine(path, client, `INSERT INTO bad VALUES (2, convert_from('\\x63e9', 'SQL_ASCII'))`, /invalid byte sequence for encoding "UTF8": 0xe9/);
    assert.deepEqual(query(path.cache(), 'SELECT v FROM good'), [{ v: 'é漢😀' }]);
    expectRefusal(path, '*', 1, /invalid byte sequence for encoding "UTF8": 0xe9/);
  });

  test('SQL_ASCII: a table with a name that is not UTF-8 is passed over, or refused by name, and the others are followed, imported and copied', async (t) => {
    const { path, client } = await start(t, 'SQL_ASCII');
    const byte = `convert_from('\\xe9', 'SQL_ASCII')`;
    await client.query('CREATE TABLE good (id int PRIMARY KEY); CREATE TABLE bad (id int PRIMARY KEY); CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id)');
    await client.query(`DO $$ BEGIN
      EXECUTE 'CREATE TABLE "caf' || ${byte} || '" (id int PRIMARY KEY)';
      EXECUTE 'CREATE TABLE "p' || ${byte} || '" PARTITION OF parted DEFAULT';
      EXECUTE 'CREATE TYPE "' || ${byte} || '" AS ENUM (''a''); CREATE TABLE typed (id int PRIMARY KEY, v "' || ${byte} || '")';
      EXECUTE 'CREATE SCHEMA "s' || ${byte} || '"; CREATE TABLE "s' || ${byte} || '".t (id int PRIMARY KEY)';
      EXECUTE 'ALTER TABLE bad ADD COLUMN "' || ${byte} || '" int';
    END $$`);
    const stream = path.deltastream();
    const all = runCommand('deltaimport', ['--tables', 'public.*', '--source', path.log, path.cache()], path.environment);
    assert.equal(all.status, 0, all.stderr);
    for (const name of ['bad', 'caf\\351', 'typed']) assert.ok(all.stdout.includes(`not followed: public.${name} has a name (`), name);
    expectRefusal(path, 'bad', 2, /public\.bad: has a name .* that is not UTF-8, which no log can hold — leave it out of --tables/);
    path.mirror();
    await client.query(`INSERT INTO good VALUES (1); INSERT INTO bad VALUES (1); INSERT INTO typed VALUES (1); INSERT INTO parted VALUES (1); COMMENT ON TABLE good IS 'seen'`);
    assert.equal(runCommand('deltastream', ['reload', 'good'], path.environment).status, 0);
    assert.equal(runCommand('deltastream', ['reload', 'bad'], path.environment).status, 2);
    await path.until('the comment is noticed and the copy made', () => /copy of good: 1 row/.test(stream.stderr) && logOf(path).includes('\t_comment\tseen'));
    await path.caughtUp(path.cache());
    for (const table of ['good', 'parted']) assert.deepEqual(query(path.cache(), `SELECT id FROM ${table}`), [{ id: 1 }], table);
    assert.doesNotMatch(stream.stderr, /invalid byte sequence/);
  });

  test('SQL_ASCII: a name is asked for as it is where it is UTF-8, and else with its bytes', async (t) => {
    const { client } = await start(t, 'SQL_ASCII');
    for (const hex of ['61', '5c33', '7f', '80', 'c080', 'c1bf', 'c280', 'c2', 'dfbf', 'dfc0', 'e09fbf', 'e0a080', 'e28082', 'ed9fbf', 'eda080', 'ee8080', 'efbfbf', 'efbf', 'f08fbfbf', 'f0908080', 'f3bfbfbf', 'f48fbfbf', 'f4908080', 'f5808080', 'f09080', '61e9', 'c3a961', 'c3a9c3a9']) {
      const bytes = Buffer.from(hex, 'hex');
      const { rows: [{ name }] } = await client.query(`SELECT ${readable('name')} AS name FROM (SELECT convert_from($1, 'SQL_ASCII')::name AS name) AS given`, [bytes]);
      const escaped = [...bytes].map((byte) => (byte < 128 ? String.fromCharCode(byte) : `\\${byte.toString(8)}`)).join('');
      assert.equal(name, isUtf8(bytes) ? bytes.toString() : escaped, hex);
    }
  });

  for (const [what, type, value] of [['a type', 'raw', `'\\xc8'::bytea::raw`], ['an array of such a type', 'raw[]', `ARRAY['\\xc8'::bytea::raw]`]] as const) {
    test(`${what} that prints bytes: streamed, the table goes into quarantine; copied, it is refused by name`, async (t) => {
      const { path, client } = await start(t, 'UTF8');
      await client.query(`CREATE TYPE raw;
        CREATE FUNCTION raw_in(cstring) RETURNS raw LANGUAGE internal STRICT IMMUTABLE AS 'textin'; CREATE FUNCTION raw_out(raw) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'textout';
        CREATE TYPE raw (INPUT = raw_in, OUTPUT = raw_out); CREATE CAST (bytea AS raw) WITHOUT FUNCTION;
        CREATE TABLE bad (id int PRIMARY KEY, v ${type}); CREATE TABLE good (id int PRIMARY KEY); INSERT INTO bad VALUES (1, '{}')`);
      await expectQuarantine(path, client, `INSERT INTO bad VALUES (2, ${value})`, /invalid byte sequence for encoding "UTF8": 0xc8/);
      expectRefusal(path, '*', 1, /not UTF-8/);
    });
  }
});
