/** Which engine applies rows, and that a connection which has the native one can still be closed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { programPath } from '../../dev/programs.js';
import { chooseEngine, hasNative, loadEngine, TYPESCRIPT } from '../../src/sqlite/native.js';
import { withEnvironment } from '../support/environment.js';
import { temporaryFolder } from '../support/folder.js';

const SILENT = () => assert.fail('said something');

test('where nothing is asked, the native engine is chosen without a word', () => {
  withEnvironment({ DELTAMIRROR_ENGINE: undefined }, () => assert.match(chooseEngine(undefined, SILENT).extension ?? '', /\.node$/));
});

test('an option goes before the environment, and ts loads nothing', () => {
  withEnvironment({ DELTAMIRROR_ENGINE: 'native' }, () => assert.equal(chooseEngine('ts', SILENT), TYPESCRIPT));
  withEnvironment({ DELTAMIRROR_ENGINE: 'ts' }, () => {
    assert.equal(chooseEngine(undefined, SILENT), TYPESCRIPT);
    assert.notEqual(chooseEngine('native', SILENT).extension, undefined);
  });
  const cache = new Database(':memory:');
  loadEngine(cache, TYPESCRIPT);
  assert.equal(hasNative(cache), false);
  cache.close();
});

test('an engine that is none is refused, in the environment and on the command line', () => {
  withEnvironment({ DELTAMIRROR_ENGINE: 'fast' }, () => assert.throws(() => chooseEngine(undefined, SILENT), { code: 'usage', message: 'DELTAMIRROR_ENGINE is "fast"' }));
  for (const program of ['import', 'deltamirror'] as const) {
    const { status, stderr } = spawnSync(process.execPath, [programPath(program), '--engine', 'fast', 'cache.db'], { encoding: 'utf8' });
    assert.equal(status, 2);
    assert.match(stderr, /--engine .* Allowed choices are native, ts\. — try: delta\w+ --help\n$/);
  }
});

test('a connection with open statements of the extension closes, and lets go of its file', (t) => {
  const path = join(temporaryFolder(t), 'some.db');
  const cache = new Database(path);
  loadEngine(cache, chooseEngine('native', SILENT));
  assert.equal(hasNative(cache), true);
  cache.exec('PRAGMA locking_mode = EXCLUSIVE; CREATE TABLE t (a)');
  cache.prepare("SELECT deltamirror_copy_open('INSERT INTO t VALUES (?)', 'i')").get();
  cache.close();
  assert.equal(cache.open, false);
  cache.close();
  const next = new Database(path, { timeout: 0 });
  next.exec('DROP TABLE t');
  next.close();
});

test('the functions of the extension cannot be called from the schema of a cache', () => {
  const cache = new Database(':memory:');
  loadEngine(cache, chooseEngine('native', SILENT));
  cache.exec('CREATE TABLE t (a); CREATE TRIGGER bad AFTER INSERT ON t BEGIN SELECT deltamirror_close(); END');
  assert.throws(() => cache.exec('INSERT INTO t VALUES (1)'), /unsafe use of deltamirror_close/);
  cache.close();
});
