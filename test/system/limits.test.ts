/** Large values. Those that are too large are in limits.long.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { query } from '../support/cache.js';
import { Path } from '../support/path.js';

const LARGE_BYTES = 50_000_000;

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
