import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { query } from '../support/cache.js';
import { temporaryFolder } from '../support/folder.js';
import { runCommand } from '../support/path.js';

const LOGS = join(import.meta.dirname, '../../../logs');

function tables(t: TestContext, sql = readFileSync(join(LOGS, 'sample.sql'), 'utf8')): { folder: string; log: string; cache: string } {
  const folder = temporaryFolder(t);
  const log = join(folder, 'log');
  mkdirSync(log);
  const cache = join(folder, 'cache.db');
  const db = new Database(cache);
  db.exec(sql);
  db.close();
  return { folder, log, cache };
}

function write(log: string, lines: readonly string[]): void {
  writeFileSync(join(log, '2017-10-09.daystream'), lines.map((line, i) => `_c\t1507507200\t_s\t${i}\t${line.replaceAll(' ', '\t')}\n`).join(''));
}

test('the sample log in the original format is applied to the tables that its user made', (t) => {
  const { log, cache } = tables(t);
  copyFileSync(join(LOGS, '2017-10-09.daystream'), join(log, '2017-10-09.daystream'));
  const ended = runCommand('deltamirror', ['--once', '--from', '1507507200:0', '--source', log, cache]);
  assert.equal(ended.status, 0, ended.stderr);
  assert.deepEqual(query(cache, 'SELECT * FROM flights ORDER BY ident'), [
    { ident: 'SWA23', orig: 'KHOU', dest: 'KDAL', alt: 120 },
    { ident: 'UAL1', orig: 'KIAH', dest: 'KORD', alt: 350 },
  ]);
  assert.deepEqual(query(cache, 'SELECT * FROM airports ORDER BY code'), [
    { code: 'KHOU', name: 'Houston Hobby', elev: 46 },
    { code: 'KIAH', name: 'Houston\tIntercontinental', elev: 97 },
  ]);
  assert.equal(runCommand('deltamirror', ['--once', cache]).status, 0, 'from then on the cache knows its own place');
  assert.match(runCommand('daystream', ['verify', log]).stdout, /^ok: .*no chain/);
});

test('without being told that the log ends, the last transaction waits for the next one', (t) => {
  const { log, cache } = tables(t);
  write(log, ['_table flights _xid 1 _action insert ident A', '_table flights _xid 2 _action insert ident B']);
  const half = runCommand('daystream', ['cat', '--from', '1507507200:1', log]);
  assert.equal(half.stdout.split('\n').length, 2);
  assert.equal(runCommand('deltamirror', ['--once', '--from', '0:0', '--source', log, cache]).status, 0);
  assert.deepEqual(query(cache, 'SELECT ident FROM flights').map(({ ident }) => ident), ['A', 'B']);
});

test('a column that an update does not name is NULL where it cannot be an unchanged large value, and a quarantine where it can', (t) => {
  const { log, cache } = tables(t, 'CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); CREATE TABLE other (id INTEGER PRIMARY KEY)');
  write(log, [
    '_table t _xid 1 _action insert id 1 a x b y',
    '_table t _xid 2 _action update id 1 b z',
    `_table t _xid 3 _action insert id 2 a ${'large'.repeat(1000)} b y`,
    '_table t _xid 4 _action update id 2 b z',
    '_table other _xid 5 _action insert id 5',
  ]);
  const ended = runCommand('deltamirror', ['--once', '--from', '0:0', '--source', log, cache]);
  assert.equal(ended.status, 0, ended.stderr);
  assert.match(ended.stderr, /public\.t goes into quarantine.*unchanged as well as NULL/);
  assert.deepEqual(query(cache, 'SELECT id, length(a) AS a, b FROM t'), [{ id: 1, a: null, b: 'z' }, { id: 2, a: 5000, b: 'y' }]);
  assert.deepEqual(query(cache, 'SELECT * FROM other'), [{ id: 5 }]);
});

test('a SQLite file that nobody made for this is left alone', (t) => {
  const { log, cache } = tables(t);
  copyFileSync(join(LOGS, '2017-10-09.daystream'), join(log, '2017-10-09.daystream'));
  const before = readFileSync(cache);
  const ended = runCommand('deltamirror', ['--once', cache]);
  assert.equal(ended.status, 1);
  assert.match(ended.stderr, /not one that deltaimport made/);
  assert.deepEqual(readFileSync(cache), before);
});
