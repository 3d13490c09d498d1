import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { DeltaError } from '../../src/errors.js';
import { createBulk, finishBulk } from '../../src/sqlite/bulk.js';
import { APPLICATION_ID } from '../../src/sqlite/header.js';
import { lockCache } from '../../src/sqlite/lock.js';
import { openCache, openReader } from '../../src/sqlite/open.js';
import { temporaryFolder } from '../support/folder.js';

function emptyCache(path: string): void {
  finishBulk(path, createBulk(path));
}

function refusal(work: () => unknown): DeltaError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof DeltaError, String(error));
    assert.ok(error.hint);
    return error;
  }
  throw new assert.AssertionError({ message: 'was not refused' });
}

test('a cache is opened in WAL mode, so that readers are never blocked', (t) => {
  const path = join(temporaryFolder(t), 'cache.db');
  emptyCache(path);
  const cache = openCache(path);
  const reader = openReader(path);
  try {
    assert.equal(cache.pragma('journal_mode', { simple: true }), 'wal');
    cache.exec('CREATE TABLE t (a); BEGIN IMMEDIATE; INSERT INTO t VALUES (1)');
    assert.deepEqual(reader.prepare('SELECT count(*) AS n FROM t').get(), { n: 0 });
    cache.exec('COMMIT');
    assert.deepEqual(reader.prepare('SELECT count(*) AS n FROM t').get(), { n: 1 });
  } finally {
    reader.close();
    cache.close();
  }
});

test('a file that is not a cache is refused by its kind, and left as it is', (t) => {
  const folder = temporaryFolder(t);
  const foreign = join(folder, 'foreign.db');
  const other = new Database(foreign);
  other.exec('CREATE TABLE t (a)');
  other.close();
  const newer = join(folder, 'newer.db');
  const later = new Database(newer);
  later.pragma(`application_id = ${APPLICATION_ID}`);
  later.pragma('user_version = 99');
  later.close();
  writeFileSync(join(folder, 'text.db'), 'not a database, but long enough to be one. '.repeat(10));
  writeFileSync(join(folder, 'empty.db'), '');
  const names = readdirSync(folder);
  const before = readFileSync(foreign);
  for (const [name, words] of [['missing.db', /there is no cache/], ['text.db', /not a SQLite file/], ['empty.db', /not a SQLite file/], ['foreign.db', /not one that deltaimport made/], ['newer.db', /newer version/]] as const) {
    for (const open of [openCache, openReader]) {
      const error = refusal(() => open(join(folder, name)));
      assert.equal(error.code, 'cache');
      assert.ok(error.message.startsWith(join(folder, name)));
      assert.match(error.message, words);
    }
  }
  assert.deepEqual(readFileSync(foreign), before);
  assert.deepEqual(readdirSync(folder), names);
});

test('a damaged cache is refused with the command that makes it anew', (t) => {
  const path = join(temporaryFolder(t), 'cache.db');
  emptyCache(path);
  const bytes = readFileSync(path);
  bytes.fill(0x5a, 100, 4096);
  writeFileSync(path, bytes);
  const error = refusal(() => openCache(path));
  assert.equal(error.code, 'cache');
  assert.match(error.hint ?? '', /deltaimport/);
});

test('a cache has one writer, and the second is told who the first is', (t) => {
  const path = join(temporaryFolder(t), 'cache.db');
  const held = lockCache(path, 'deltamirror cache.db');
  const error = refusal(() => lockCache(path, 'deltaimport cache.db'));
  assert.equal(error.code, 'busy');
  assert.match(error.message, new RegExp(`deltamirror cache\\.db \\(pid ${process.pid}`));
  held.release();
  lockCache(path, 'deltaimport cache.db').release();
});
