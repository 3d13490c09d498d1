import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { formatLsn, readTransactions } from '../../src/index.js';
import { query } from '../support/cache.js';
import { Path, until } from '../support/path.js';

/** True once the log holds a transaction that inserted this id into t. */
async function isLogged(path: Path, id: string): Promise<boolean> {
  for await (const transaction of readTransactions(path.log)) {
    for await (const change of transaction.changes()) {
      if (change.kind === 'insert' && change.table === 't' && change.row.get('id') === id) return true;
    }
  }
  return false;
}

/**
 * A transaction that waits for a synchronous standby is committed in the WAL, and so in
 * the log, before any snapshot can see it.
 */
async function importBesideGhost(path: Path): Promise<void> {
  await path.server.query('CREATE TABLE t (id int PRIMARY KEY)');
  path.deltastream();
  await until('the log to begin', () => path.hasBegun);
  await path.server.query('INSERT INTO t VALUES (1)');
  await path.server.query("ALTER SYSTEM SET synchronous_standby_names = 'ghost'");
  await path.server.query('SELECT pg_reload_conf()');
  await until('the ghost to be awaited', async () => (await path.server.query('SHOW synchronous_standby_names'))[0].synchronous_standby_names === 'ghost');
  const waiting = await path.client();
  const committed = waiting.query('INSERT INTO t VALUES (2)').catch(() => {});
  await until('the row to be logged', () => isLogged(path, '2'));
  assert.deepEqual(await path.server.query('SELECT id FROM t'), [{ id: 1 }], 'the row is logged, but no snapshot sees it');
  await path.import('t');
  await path.server.query("ALTER SYSTEM RESET synchronous_standby_names");
  await path.server.query('SELECT pg_reload_conf()');
  await committed;
  await waiting.end();
  await until('the row to be visible', async () => (await path.server.query('SELECT id FROM t')).length === 2);
}

test('an import beside a transaction that is committed but not yet visible loses nothing', async (t) => {
  const path = await Path.start(t);
  await importBesideGhost(path);
  path.mirror();
  await path.caughtUp(path.cache());
  assert.equal(await path.compare(path.cache(), ['t']), 2);
});

test('control: the same import joined by LSN loses the row', async (t) => {
  const path = await Path.start(t);
  await importBesideGhost(path);
  // The join by LSN: whatever is in the log when the snapshot is taken counts as copied.
  let logged = 0n;
  for await (const { commitLsn } of readTransactions(path.log)) logged = commitLsn ?? logged;
  const copy = new Database(path.cache());
  copy.prepare('UPDATE _daystream_position SET lsn = ?, snapshot = NULL').run(formatLsn(logged + 1n));
  copy.close();
  path.mirror();
  await path.caughtUp(path.cache());
  assert.deepEqual(query(path.cache(), 'SELECT id FROM t'), [{ id: 1 }]);
  await assert.rejects(path.compare(path.cache(), ['t']));
});
