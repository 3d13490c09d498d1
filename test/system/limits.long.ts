/** Large values, and those that are too large: gigabytes pass through every process. */
import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { test, type TestContext } from 'node:test';
import { query } from '../support/cache.js';
import { Path, runCommand } from '../support/path.js';

const LARGE_BYTES = 50_000_000;
/** Two hexadecimal digits a byte: just more than a string of JavaScript holds. */
const TOO_LARGE_BYTES = Math.ceil(constants.MAX_STRING_LENGTH / 2);
/** Postgres's own texts end at 2^30 - 1 bytes. */
const UNPRINTABLE_BYTES = 2 ** 29;

test('50 MB of text and of bytes arrive, streamed and copied', async (t) => {
  const path = await Path.start(t);
  const client = await path.client();
  t.after(() => client.end());
  await client.query('CREATE TABLE large (id int PRIMARY KEY, v text, y bytea)');
  path.deltastream();
  await path.import('large');
  path.mirror();
  const piece = 'é\t\\漢\n😀\r\\N';
  const times = Math.ceil(LARGE_BYTES / Buffer.byteLength(piece));
  await client.query(`INSERT INTO large VALUES (1, repeat($1, ${times}), decode(repeat('00ff5c0a', ${LARGE_BYTES / 4}), 'hex'))`, [piece]);
  await client.query('UPDATE large SET id = 2'); // the values are unchanged on the wire
  await path.caughtUp(path.cache());
  await path.import('large', path.cache('copied.db'));
  for (const cache of ['cache.db', 'copied.db']) {
    assert.equal(await path.compare(path.cache(cache), ['large']), 1);
    assert.deepEqual(query(path.cache(cache), 'SELECT id, length(CAST(v AS BLOB)) AS v, length(y) AS y FROM large'), [{ id: 2, v: times * Buffer.byteLength(piece), y: LARGE_BYTES }]);
  }
});

test('a row that is longer than a string of JavaScript: streamed, its table goes into quarantine; copied, it is refused by name', async (t) => {
  await expectNamed(t, TOO_LARGE_BYTES, /^a row takes \d+ bytes in the log, more than the \d+ that a mirror takes$/, /table public\.bad has a row of \d+ bytes, more than a program in JavaScript can hold as text/);
});

test('a value that Postgres cannot print: streamed, its table goes into quarantine; copied, it is refused by name', async (t) => {
  await expectNamed(t, UNPRINTABLE_BYTES, /^a row of public\.bad cannot be written: invalid memory alloc request size \d+$/, /table public\.bad: invalid memory alloc request size \d+/);
});

/** A bytea of this size, on both ways in; other tables go on. */
async function expectNamed(t: TestContext, bytes: number, reason: RegExp, refusal: RegExp): Promise<void> {
  const path = await Path.start(t);
  const client = await path.client();
  t.after(() => client.end());
  await client.query('CREATE TABLE bad (id int PRIMARY KEY, y bytea); ALTER TABLE bad ALTER y SET STORAGE EXTERNAL; INSERT INTO bad VALUES (1); CREATE TABLE good (id int PRIMARY KEY)');
  path.deltastream();
  await path.import('*');
  const mirror = path.mirror();
  // In two halves: the digits of all of it would be too long a text themselves.
  await client.query(`INSERT INTO bad SELECT 2, half || half FROM decode(repeat('00', ${Math.ceil(bytes / 2)}), 'hex') AS half`);
  await client.query('INSERT INTO good VALUES (1)');
  await path.caughtUp(path.cache());
  const [held] = query(path.cache(), `SELECT reason, (SELECT count(*) FROM bad) AS bad, (SELECT count(*) FROM good) AS good FROM _daystream_tables WHERE name = 'bad'`);
  assert.match(String(held.reason), reason);
  assert.deepEqual([held.bad, held.good], [1, 1]);
  const refused = runCommand('deltaimport', ['--tables', '*', '--source', path.log, path.cache('refused.db')], path.environment);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, refusal);
  await client.query('DELETE FROM bad WHERE id = 2');
  await mirror.stop();
  path.run('deltaimport', '--table', 'bad', '--into', path.cache());
  path.mirror();
  await client.query("INSERT INTO bad VALUES (3, 'x')");
  await path.caughtUp(path.cache());
  await path.until('the table to have joined', () => query(path.cache(), "SELECT state FROM _daystream_tables WHERE name = 'bad'")[0].state === 'following');
  assert.equal(await path.compare(path.cache(), ['bad', 'good']), 3);
}
