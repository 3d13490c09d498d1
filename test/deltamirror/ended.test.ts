/** A trigger of an application that ends the mirror's transaction: the mirror stops, and nothing of the transaction is in the cache. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { query, runMirror } from '../support/cache.js';
import { bench, transaction, writeLog } from '../support/mirror.js';

const tableOf = (name: string, oid: number): CacheTable => ({
  schema: 'public', name, table: name, oid, kind: 'ordinary', identity: 'default', key: [1], pattern: name, choice: {},
  columns: [{ attnum: 1, name: 'id', type: 'integer', notNull: true }],
});

for (const engine of ['native', 'ts'] as const) {
  test(`RAISE(ROLLBACK) stops the mirror before the transaction (${engine})`, async (t) => {
    const { cache, log } = bench(t, [tableOf('t', 1), tableOf('u', 2)]);
    const connection = new Database(cache);
    connection.exec("CREATE TRIGGER no AFTER INSERT ON t WHEN new.id = 3 BEGIN SELECT RAISE(ROLLBACK, 'not three'); END");
    connection.close();
    await writeLog(log, transaction(1, ['t insert id 1', 'u insert id 1']), transaction(2, ['t insert id 2', 'u insert id 2', 't insert id 3', 'u insert id 3']));
    await assert.rejects(runMirror(cache, log, { engine }), /not three|ended the mirror's transaction: a trigger on public\.t/);
    const rows = query(cache, 'SELECT (SELECT group_concat(id) FROM t) AS t, (SELECT group_concat(id) FROM u) AS u');
    assert.ok(rows[0].t === rows[0].u && (rows[0].t === null || rows[0].t === '1' || rows[0].t === 1), JSON.stringify(rows));
    await assert.rejects(runMirror(cache, log, { engine }), /not three|ended the mirror's transaction: a trigger on public\.t/);
    assert.deepEqual(query(cache, 'SELECT (SELECT group_concat(id) FROM t) AS t, (SELECT group_concat(id) FROM u) AS u'), rows);
  });
}
