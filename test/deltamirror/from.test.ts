import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { ORIGIN } from '../../src/daystream/position.js';
import { keyedTable, makeCache, query, runMirror } from '../support/cache.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, openWriter } from '../support/log.js';
import { runCommand } from '../support/path.js';

test('--from before what the cache holds changes nothing: no row, no position, no quarantine for what was so then', async (t) => {
  const folder = temporaryFolder(t);
  const [log, cache] = [join(folder, 'log'), join(folder, 'cache.db')];
  let writer = await openWriter(log, { tables: 'other' });
  writer.horizon(0n, 1n, undefined);
  await writer.sync();
  writer.close();
  writer = await openWriter(log, { tables: 't' });
  writer.horizon(0n, 1n, undefined);
  appendTransactions(writer, 2, 3);
  await writer.sync();
  makeCache(cache, log, [keyedTable('t')]);
  const begun = new Database(cache); // the cache was imported when t was followed
  begun.prepare('UPDATE _daystream_position SET clock = ?, sequence = 2').run(writer.stats.position.clock);
  begun.close();
  await runMirror(cache, log, { from: ORIGIN });
  const stands = query(cache, 'SELECT clock, sequence, lsn FROM _daystream_position');
  await runMirror(cache, log, { from: ORIGIN });
  assert.deepEqual(query(cache, 'SELECT clock, sequence, lsn FROM _daystream_position'), stands);
  appendTransactions(writer, 5, 1);
  await writer.sync();
  writer.close();
  const { applier } = await runMirror(cache, log, { from: ORIGIN });
  assert.equal(applier.quarantined, 0);
  assert.deepEqual(query(cache, 'SELECT id FROM t ORDER BY id').map(({ id }) => id), [2, 3, 4, 5]);
});

test('in the original format --from again doubles nothing, and text that is no number stays text', (t) => {
  const folder = temporaryFolder(t);
  const [log, cache] = [join(folder, 'log'), join(folder, 'cache.db')];
  mkdirSync(log);
  const lines = ['_table t _xid 1 _action insert a hello n 12', '_table t _xid 2 _action insert a x n t', '_table t _xid 3 _action insert a y n 9007199254740993'];
  writeFileSync(join(log, '2017-10-09.daystream'), lines.map((line, i) => `_c\t1507507200\t_s\t${i}\t${line.replaceAll(' ', '\t')}\n`).join(''));
  const db = new Database(cache);
  db.exec('CREATE TABLE t (a TEXT, n INTEGER)');
  db.close();
  for (let i = 0; i < 2; i++) {
    const ended = runCommand('deltamirror', ['--once', '--from', '1507507200:0', '--source', log, cache]);
    assert.equal(ended.status, 0, ended.stderr);
    assert.deepEqual(query(cache, "SELECT a, typeof(n) AS type, CAST(n AS TEXT) AS n FROM t"), [
      { a: 'hello', type: 'integer', n: '12' }, { a: 'x', type: 'text', n: 't' }, { a: 'y', type: 'integer', n: '9007199254740993' },
    ]);
  }
});

test('a cache that somebody changed is one line with what to type, never a bug', async (t) => {
  const folder = temporaryFolder(t);
  const log = join(folder, 'log');
  const writer = await openWriter(log);
  appendTransactions(writer, 1, 1);
  await writer.sync();
  writer.close();
  const changes = ['DROP TABLE t', 'ALTER TABLE t RENAME COLUMN id TO x', 'DROP TABLE _daystream_tables', "UPDATE _daystream_tables SET columns = 'x'", "UPDATE _daystream_position SET lsn = 'zz'", 'DROP TABLE _daystream_position', 'DELETE FROM _daystream_position'];
  for (const [i, change] of changes.entries()) {
    const cache = join(folder, `${i}.db`);
    makeCache(cache, log, [keyedTable('t')]);
    const db = new Database(cache);
    db.exec(change);
    db.close();
    const ended = runCommand('deltamirror', ['--once', '--from', '0:0', cache]);
    assert.equal(ended.status, 1, `${change}: ${ended.stderr}`);
    assert.match(ended.stderr.trimEnd().split('\n').at(-1)!, /^deltamirror: .*\.db: .* — /, change);
    assert.doesNotMatch(ended.stderr, /    at /);
  }
});
