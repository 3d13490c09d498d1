import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { programPath } from '../../dev/programs.js';
import { publishSnapshot } from '../../src/published/publish.js';
import { openReader } from '../../src/sqlite/open.js';
import { readPosition } from '../../src/sqlite/position.js';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { keyedTable, query, runMirror } from '../support/cache.js';
import { bench, ids, part, play, rowsOf, spaced, T0, writeLog } from '../support/mirror.js';
import { openWriter } from '../support/log.js';
import { bootstrap, plainOf, snapshotsIn, stateOf } from '../support/published.js';
import { Random } from '../support/random.js';
import { runCommand } from '../support/path.js';

const KILLS = 12;
const MAIN = programPath('deltamirror');

const rows = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `t insert id ${from + i} note n${from + i}`);
const TABLE = keyedTable('t', ['note']);
const SHAPE = '_table t _action schema _oid 1 _identity default _key 1 id 1~notnull~integer note 2~null~text';

test('a snapshot is the cache as it stands, and nothing that its application has made or that was deleted', async (t) => {
  const paths = bench(t, [TABLE]);
  const own = new Database(paths.cache);
  own.exec(`
    CREATE TABLE notes (secret TEXT); INSERT INTO notes VALUES ('hidden-in-a-table');
    CREATE TABLE wiped (secret TEXT); INSERT INTO wiped VALUES ('hidden-in-a-free-page'); DROP TABLE wiped;
    CREATE INDEX notes_of_t ON t (note); CREATE VIEW v AS SELECT 'hidden-in-a-view', id FROM t;
    CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO notes VALUES ('hidden-in-a-trigger'); END;
    ALTER TABLE t ADD COLUMN mine TEXT DEFAULT 'hidden-in-a-column'`);
  own.close();
  await writeLog(paths.log, spaced(1, rows(1, 500)), spaced(2, ['t update id 7 note seven', 't delete id 8']));
  await runMirror(paths.cache, paths.log);
  const { leftBehind, path } = await publishSnapshot(paths.cache, paths.log, 2);
  assert.deepEqual(leftBehind.map(({ kind, name }) => `${kind} ${name}`), ['table notes', 'index notes_of_t', 'view v', 'trigger g']);
  const plain = plainOf(paths.log, path.slice(paths.log.length + 1));
  assert.ok(plain.includes('seven') && !plain.includes('hidden-in'));
  const copy = join(paths.folder, 'plain.db');
  writeFileSync(copy, plain);
  assert.deepEqual(rowsOf(copy, 't'), query(paths.cache, 'SELECT id, note FROM t ORDER BY id'));
  await writeLog(paths.log, spaced(3, ['t delete id 1']));
  await runMirror(copy, paths.log);
  assert.equal(ids(copy)[0], 2);
});

test('tables in every state come along: following, waiting for a copy that is half in, in quarantine, without a key', async (t) => {
  const keyless: CacheTable = { ...keyedTable('other', ['note']), key: [], identity: 'full' };
  const before = [[1, SHAPE.replace('_table t _action ', 't '), 't insert id 1 note a', 'other insert id 1 note a', 'other insert id 1 note a'], [2, 'other replace id 1 note a', 'other update id 1 note b'], [3, 't stale _oid 1 _reason it~was~rewritten']] as const;
  const halves = [
    part(0, [SHAPE, '_table t _action indexes _oid 1', '_table t _action comments _oid 1'], { snapshot: '4:4:' }),
    part(1, ['_table t _action insert id 1 note a2', '_table t _action insert id 2 note b2']),
  ];
  const played = await play(t, [TABLE, keyless], [...before, ...halves, [4, 't update id 2 note kept']]);
  assert.deepEqual(played.states.map(({ state }) => state), ['following', 'waiting'], played.said);
  await publishSnapshot(played.cache, played.log, 2);
  const copy = join(played.folder, 'copy.db');
  await bootstrap(played.log, copy);
  assert.deepEqual(stateOf(copy), stateOf(played.cache));
  const writer = await openWriter(played.log, { clock: () => T0 });
  assert.ok(writer.copy(part(2, ['_table t _action insert id 3 note c2'], { isLast: true })));
  writer.append(spaced(5, ['other replace id 1 note b', 'other update id 1 note c', 'other delete id 1 note a']));
  await writer.sync();
  writer.close();
  for (const cache of [played.cache, copy]) await runMirror(cache, played.log);
  assert.deepEqual(stateOf(copy), stateOf(played.cache));
  assert.deepEqual(rowsOf(copy, 't').map(({ note }) => note), ['a2', 'kept', 'c2']);
  assert.deepEqual(rowsOf(copy, 'other'), [{ id: 1, note: 'c' }]);
});

test('the newest N stay; what a killed one left is removed', async (t) => {
  const paths = bench(t, [TABLE]);
  for (let i = 1; i <= 4; i++) {
    await writeLog(paths.log, spaced(i, [`t insert id ${i} note n`]));
    await runMirror(paths.cache, paths.log);
    writeFileSync(join(paths.log, `.176000000${i}-0.snapshot.gz.new`), 'half');
    writeFileSync(join(paths.log, '.snapshot.draft'), 'half');
    await publishSnapshot(paths.cache, paths.log, 2);
  }
  const names = snapshotsIn(paths.log);
  assert.equal(names.length, 2);
  assert.equal(names[0], `${readPositionOf(paths.cache)}.snapshot.gz`);
  assert.deepEqual(readFileSync(join(paths.log, 'index'), 'utf8').split('\n').flatMap((line) => line.split('\t').slice(0, 1)).filter((name) => name.endsWith('.snapshot.gz')).sort(), names.toSorted());
  assert.deepEqual(readdirSync(paths.log).filter((name) => name.startsWith('.') && name !== '.snapshot.lock' && name !== '.lock'), []);
});

test('whatever moment it is killed at, what bears the name of a snapshot is whole', async (t) => {
  const paths = bench(t, [TABLE]);
  await writeLog(paths.log, ...Array.from({ length: 40 }, (_, i) => spaced(i + 1, rows(i * 1000 + 1, i * 1000 + 1000))));
  await runMirror(paths.cache, paths.log);
  const wanted = stateOf(paths.cache);
  const started = performance.now();
  await publishSnapshot(paths.cache, paths.log, 1);
  const tookMs = performance.now() - started;
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  for (let i = 0; i < KILLS; i++) {
    const child = spawn(process.execPath, [MAIN, 'publish', paths.cache, '--to', paths.log], { stdio: 'ignore' });
    const exited = once(child, 'exit');
    await delay(random.below(Math.ceil(tookMs) + 300));
    child.kill('SIGKILL');
    await exited;
    assert.equal(snapshotsIn(paths.log).length, 1);
    await bootstrap(paths.log, join(paths.folder, 'copy.db'));
    assert.deepEqual(stateOf(join(paths.folder, 'copy.db')), wanted);
  }
  await publishSnapshot(paths.cache, paths.log, 1);
  assert.deepEqual(readdirSync(paths.log).filter((name) => name.startsWith('.snapshot.draft') || name.endsWith('.new')), []);
});

test('a disk that is full is said in a line; what was published before stays, and nothing else', async (t) => {
  const paths = bench(t, [TABLE]);
  await writeLog(paths.log, spaced(1, rows(1, 20_000)));
  await runMirror(paths.cache, paths.log);
  await publishSnapshot(paths.cache, paths.log, 2);
  const before = readdirSync(paths.log).sort();
  await writeLog(paths.log, spaced(2, rows(20_001, 21_000)));
  await runMirror(paths.cache, paths.log);
  for (const blocks of [40, 100, 300]) {
    const child = spawn('bash', ['-c', `ulimit -f ${blocks}; exec "$@"`, 'bash', process.execPath, MAIN, 'publish', paths.cache, '--to', paths.log], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text; });
    await once(child, 'close');
    assert.equal(child.exitCode, 1, stderr);
    assert.match(stderr, /^deltamirror: .*log\/.*\n$/);
    assert.deepEqual(readdirSync(paths.log).sort(), before);
  }
});

test('a folder that is not there, a cache that is not whole and a second publisher are refused in a line', async (t) => {
  const paths = bench(t, [TABLE]);
  const run = (...args: string[]) => runCommand('deltamirror', ['publish', ...args]);
  assert.match(run(paths.cache, '--to', join(paths.folder, 'none')).stderr, /none: there is no such folder — make it: mkdir -p /);
  assert.match(run(join(paths.folder, 'none.db'), '--to', paths.folder).stderr, /there is no cache/);
  assert.match(run(paths.cache).stderr, /required option '--to <folder>' not specified/);
  assert.match(run(paths.cache, '--to', paths.folder, '--keep', '0').stderr, /--keep/);
  const own = new Database(paths.cache);
  own.exec('DELETE FROM _daystream_position');
  own.close();
  assert.match(run(paths.cache, '--to', paths.folder).stderr, /holds no position/);
});

function readPositionOf(path: string): string {
  const cache = openReader(path);
  try {
    const { clock, sequence } = readPosition(cache)!.position;
    return `${clock}-${sequence}`;
  } finally {
    cache.close();
  }
}

test('a cache of another log, or one that is older than all that would stay, pushes no snapshot away', async (t) => {
  const { folder, log, cache } = bench(t, [TABLE]);
  const [old, foreign] = [bench(t, [TABLE]), bench(t, [TABLE])];
  await writeLog(log, spaced(1, ['t insert id 1 note n']));
  await runMirror(old.cache, log);
  await writeLog(log, spaced(2, ['t insert id 2 note n']));
  await runMirror(cache, log);
  await publishSnapshot(cache, log, 1);
  const names = snapshotsIn(log);
  const writer = await openWriter(foreign.log, { clock: () => T0 + 86_400 });
  writer.append(spaced(1, ['t insert id 9 note foreign']));
  await writer.sync();
  writer.close();
  await runMirror(foreign.cache, foreign.log);
  await assert.rejects(publishSnapshot(foreign.cache, log, 1), /cache\.db: what \S*log would get of it was taken at .*: it is of another log/);
  await assert.rejects(publishSnapshot(old.cache, log, 1), /cache\.db: stands at 1760000000:\d+, before the newest snapshots of \S*log, of which 1 stay/);
  assert.deepEqual(snapshotsIn(log), names);
  await bootstrap(log, join(folder, 'new.db'));
  assert.deepEqual(ids(join(folder, 'new.db')), [1, 2]);
});

test('to a folder without a log go the snapshots of one log: those of two would push each other away', async (t) => {
  const { folder, log, cache } = bench(t, [TABLE]);
  const to = join(folder, 'snapshots');
  mkdirSync(to);
  await writeLog(log, spaced(1, ['t insert id 1 note n']));
  await runMirror(cache, log);
  await publishSnapshot(cache, to, 1);
  await writeLog(log, spaced(2, ['t insert id 2 note n']));
  await runMirror(cache, log);
  const { path } = await publishSnapshot(cache, to, 1);
  const own = new Database(cache);
  own.exec("UPDATE _daystream_position SET slot = 'another'");
  own.close();
  await assert.rejects(publishSnapshot(cache, to, 1), { code: 'config', message: /cache\.db: follows slot another of system \d+, and \S*\.snapshot\.gz is of slot test of system \d+: they would push each other away$/ });
  assert.deepEqual(snapshotsIn(to), [basename(path)]);
});

test('what the host keeps of a dropped table stays there, and is not called somebody else\'s', async (t) => {
  const { log, cache } = bench(t, [TABLE, keyedTable('other')]);
  await writeLog(log, spaced(1, ['t insert id 1 note n']), spaced(2, ['t drop _oid 1', 'other insert id 1']));
  await runMirror(cache, log, { keepDropped: true });
  assert.deepEqual(ids(cache), [1]);
  const { leftBehind, tables } = await publishSnapshot(cache, log, 1);
  assert.deepEqual([leftBehind, tables], [[], 1]);
});
