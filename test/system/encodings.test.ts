/** Databases whose text is not UTF-8, and types whose text is none. */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import type pg from 'pg';
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

function expectRefusal(path: Path, reason: RegExp): void {
  const refused = runCommand('deltaimport', ['--tables', '*', '--source', path.log, path.cache('refused.db')], path.environment);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /table public\.bad\b/);
  assert.match(refused.stderr, reason);
}

describe('bytes that are no text', () => {
  test('SQL_ASCII: streamed, the table goes into quarantine; copied, it is refused by name; what is UTF-8 arrives', async (t) => {
    const { path, client } = await start(t, 'SQL_ASCII');
    await client.query(`CREATE TABLE bad (id int PRIMARY KEY, v text); CREATE TABLE good (id int PRIMARY KEY, v text DEFAULT 'é漢😀'); INSERT INTO bad VALUES (1, 'é')`);
    await expectQuarantine(path, client, `INSERT INTO bad VALUES (2, convert_from('\\x63e9', 'SQL_ASCII'))`, /invalid byte sequence for encoding "UTF8": 0xe9/);
    assert.deepEqual(query(path.cache(), 'SELECT v FROM good'), [{ v: 'é漢😀' }]);
    expectRefusal(path, /invalid byte sequence for encoding "UTF8": 0xe9/);
  });

  for (const [what, type, value] of [['a type', 'raw', `'\\xc8'::bytea::raw`], ['an array of such a type', 'raw[]', `ARRAY['\\xc8'::bytea::raw]`]] as const) {
    test(`${what} that prints bytes: streamed, the table goes into quarantine; copied, it is refused by name`, async (t) => {
      const { path, client } = await start(t, 'UTF8');
      await client.query(`CREATE TYPE raw;
        CREATE FUNCTION raw_in(cstring) RETURNS raw LANGUAGE internal STRICT IMMUTABLE AS 'textin'; CREATE FUNCTION raw_out(raw) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'textout';
        CREATE TYPE raw (INPUT = raw_in, OUTPUT = raw_out); CREATE CAST (bytea AS raw) WITHOUT FUNCTION;
        CREATE TABLE bad (id int PRIMARY KEY, v ${type}); CREATE TABLE good (id int PRIMARY KEY); INSERT INTO bad VALUES (1, '{}')`);
      await expectQuarantine(path, client, `INSERT INTO bad VALUES (2, ${value})`, /invalid byte sequence for encoding "UTF8": 0xc8/);
      expectRefusal(path, /not UTF-8/);
    });
  }
});
