/** The proof that a try gives: a difference between its two caches is found, whatever it is. */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { compareCaches } from '../../src/try/equal.js';
import { Path } from '../support/path.js';

test('two caches of one log are compared value by value, also without a key, and no difference is passed over', async (t) => {
  const path = await Path.start(t);
  await path.server.query(`CREATE TABLE keyed (id int PRIMARY KEY, a text, b double precision); INSERT INTO keyed SELECT i, NULL, i / 3.0 FROM generate_series(1, 100) i;
    CREATE TABLE bag (a text, n numeric); ALTER TABLE bag REPLICA IDENTITY FULL; INSERT INTO bag VALUES ('x', 1.50), ('x', 1.50), (NULL, NULL)`);
  const stream = path.deltastream();
  await path.import('keyed,bag');
  await stream.stop();
  const differing = (sql: string) => {
    const other = path.cache('other.db');
    copyFileSync(path.cache(), other);
    const cache = new Database(other);
    cache.exec(sql);
    cache.close();
    return compareCaches(path.cache(), other).map(({ table, rows, differences, not }) => [table, rows, differences, not]).filter(([table]) => table !== 'marker');
  };
  assert.deepEqual(differing(''), [['bag', 3, 0, undefined], ['keyed', 100, 0, undefined]]);
  const ofKeyed = [`UPDATE keyed SET a = '' WHERE id = 5`, 'UPDATE keyed SET b = NULL WHERE id = 5', 'DELETE FROM keyed WHERE id = 100', `INSERT INTO keyed VALUES (101, NULL, 0)`, `UPDATE keyed SET a = x'00' WHERE id = 1`];
  for (const sql of ofKeyed) assert.equal(differing(sql)[1][2], 1, sql);
  const ofBag: [string, number][] = [[`DELETE FROM bag WHERE rowid = 1`, 1], [`UPDATE bag SET n = '1.5' WHERE rowid = 1`, 2], [`INSERT INTO bag VALUES ('x', '1.50')`, 1], [`UPDATE bag SET a = '' WHERE a IS NULL`, 2]];
  for (const [sql, count] of ofBag) assert.equal(differing(sql)[0][2], count, sql);
  assert.ok(Number(differing(`UPDATE _daystream_tables SET columns = replace(columns, '"numeric"', '"text"') WHERE name = 'bag'`)[0][2]) > 0, 'another shape');
  assert.equal(differing(`DELETE FROM _daystream_tables WHERE name = 'bag'`)[0][3], 'it is not in the second copy');
});
