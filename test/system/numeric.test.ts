import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cellsOf } from '../support/cells.js';
import { query } from '../support/cache.js';
import { Path } from '../support/path.js';

const VALUES = ['0', '1.10', '-12', 'NaN', 'Infinity', '-Infinity', '9007199254740993', '9007199254740992', '1e400', '-1e400', '1e-400', '0.1', '0.10', null];

test('numeric and money as REAL: streamed and copied rows hold the same, and keys stay exact', async (t) => {
  const path = await Path.start(t);
  const client = await path.client();
  t.after(() => client.end());
  await client.query(`CREATE TABLE keyed (k numeric PRIMARY KEY, n numeric, m money, a numeric[]); CREATE TABLE keyless (id int, n numeric, m money); ALTER TABLE keyless REPLICA IDENTITY FULL`);
  path.deltastream();
  const importReal = (cache: string) => path.run('deltaimport', '--tables', '*', '--numeric', 'real', '--source', path.log, cache);
  await path.until('the log to begin', () => path.hasBegun);
  importReal(path.cache());
  path.mirror();
  await client.query(`INSERT INTO keyed SELECT coalesce(v, 7), v, (ordinality * 1234.56)::numeric::money, ARRAY[v, 1.10] FROM unnest($1::numeric[]) WITH ORDINALITY AS u (v) ON CONFLICT DO NOTHING`, [VALUES]);
  await client.query('INSERT INTO keyless SELECT 1, v, -1234.56 FROM unnest($1::numeric[]) AS v', [VALUES]);
  await client.query("UPDATE keyless SET id = 2, m = m * 2; UPDATE keyed SET n = n / 2 WHERE k = 9007199254740993; DELETE FROM keyed WHERE k = 9007199254740992; DELETE FROM keyless WHERE n = 'NaN' OR n < -1e300 OR n = 0.1");
  await path.caughtUp(path.cache());
  importReal(path.cache('copied.db'));
  for (const table of ['keyed', 'keyless']) assert.deepEqual(cellsOf(path.cache(), table), cellsOf(path.cache('copied.db'), table), table);
  assert.deepEqual(query(path.cache(), "SELECT typeof(k) AS k, typeof(n) AS n, m FROM keyed WHERE k = '1.10'"), [{ k: 'text', n: 'real', m: 2469.12 }]);
  assert.deepEqual(query(path.cache(), 'SELECT count(*) AS n FROM keyless'), [{ n: VALUES.length - 5 }]);
  assert.deepEqual(query(path.cache(), "SELECT count(*) AS n FROM keyless WHERE typeof(n) = 'blob'"), [{ n: 1 }]);
  assert.deepEqual(query(path.cache(), 'SELECT count(*) AS n FROM _daystream_tables WHERE reason IS NOT NULL'), [{ n: 0 }]);
});
