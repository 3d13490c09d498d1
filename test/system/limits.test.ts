/** Large values, and those that are too large. */
import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { describe, test } from 'node:test';
import { cellsOf } from '../support/cells.js';
import { query } from '../support/cache.js';
import { Path, runCommand } from '../support/path.js';

const LARGE_BYTES = 50_000_000;
/** Two hexadecimal digits a byte: just more than a string of JavaScript holds. */
const TOO_LARGE_BYTES = Math.ceil(constants.MAX_STRING_LENGTH / 2);

describe('large values', () => {
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
    assert.deepEqual(cellsOf(path.cache(), 'large'), cellsOf(path.cache('copied.db'), 'large'));
  });

  test('a row that is longer than a string of JavaScript: streamed, its table goes into quarantine; copied, it is refused by name', async (t) => {
    const path = await Path.start(t);
    const client = await path.client();
    t.after(() => client.end());
    await client.query('CREATE TABLE bad (id int PRIMARY KEY, y bytea); ALTER TABLE bad ALTER y SET STORAGE EXTERNAL; INSERT INTO bad VALUES (1); CREATE TABLE good (id int PRIMARY KEY)');
    path.deltastream();
    await path.import('*');
    path.mirror();
    await client.query(`INSERT INTO bad VALUES (2, decode(repeat('00', ${TOO_LARGE_BYTES}), 'hex'))`);
    await client.query('INSERT INTO good VALUES (1)');
    await path.caughtUp(path.cache());
    const [held] = query(path.cache(), `SELECT reason, (SELECT count(*) FROM bad) AS bad, (SELECT count(*) FROM good) AS good FROM _daystream_tables WHERE name = 'bad'`);
    assert.match(String(held.reason), /^a row takes \d+ bytes in the log, more than the \d+ that a mirror takes$/);
    assert.deepEqual([held.bad, held.good], [1, 1]);
    const refused = runCommand('deltaimport', ['--tables', '*', '--source', path.log, path.cache('refused.db')], path.environment);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /table public\.bad has a row of \d+ bytes, more than a program in JavaScript can hold as text/);
  });
});
