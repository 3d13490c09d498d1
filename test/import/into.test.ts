/** Imports into a cache that is there: what is refused, and that the cache is then as it was. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Database from 'better-sqlite3';
import { Server } from '../../dev/postgres.js';
import { DeltaError } from '../../src/errors.js';
import { query } from '../support/cache.js';
import { temporaryFolder } from '../support/folder.js';
import { appendHorizon, runImport, writeLog } from '../support/import.js';

let server: Server;
before(async () => {
  server = await Server.start({ plugin: false });
  await server.query('CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1); CREATE TABLE b (id int PRIMARY KEY)');
});
after(() => server.stop());

test('what cannot get a table is refused by name before anything is copied, and stays as it was', async (t) => {
  const folder = temporaryFolder(t);
  const [log, cache] = [join(folder, 'log'), join(folder, 'cache.db')];
  await writeLog(server, log);
  await runImport(server, 'a', log, cache);
  const altered = (name: string, sql: string) => {
    const path = join(folder, name);
    cpSync(cache, path);
    const db = new Database(path);
    db.exec(sql);
    db.close();
    return path;
  };
  const cases: readonly [string, DeltaError['code'], RegExp][] = [
    [altered('slot.db', "UPDATE _daystream_position SET slot = 'another'"), 'log-foreign', /slot\.db: follows slot another of system .*; this log is of slot test/],
    [altered('system.db', "UPDATE _daystream_position SET system = '7'"), 'log-foreign', /system\.db: follows slot test of system 7;/],
    [altered('original.db', "UPDATE _daystream_position SET slot = '', system = '0'"), 'cache', /original format/],
    [altered('unfinished.db', 'DELETE FROM _daystream_position'), 'cache', /holds no position/],
    [altered('older.db', 'PRAGMA user_version = 1'), 'cache', /older version/],
    [altered('not-ours.db', 'PRAGMA application_id = 0'), 'cache', /not one that deltaimport made/],
    [join(folder, 'missing.db'), 'cache', /there is no cache/],
  ];
  for (const [path, code, message] of cases) {
    const bytes = () => (readdirSync(folder).includes(path.slice(folder.length + 1)) ? readFileSync(path) : undefined);
    const was = bytes();
    const error = await runImport(server, 'b', log, path, { into: true }).catch((refused: unknown) => refused);
    assert.ok(error instanceof DeltaError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.deepEqual(bytes(), was, path);
  }
  assert.deepEqual(readdirSync(folder).filter((name) => name.includes('.import-')), [], 'no draft is left');
  await runImport(server, 'b', log, cache, { into: true });
  assert.deepEqual(query(cache, 'SELECT name, state FROM _daystream_tables ORDER BY name'), [{ name: 'a', state: 'following' }, { name: 'b', state: 'joining' }]);
});

test('a table that Postgres has under another name by now does not go because its old name is imported: what to type is told, and keeps it', async (t) => {
  await server.query(`CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE q (id int PRIMARY KEY); CREATE TABLE r (id int PRIMARY KEY);
    INSERT INTO p VALUES (1); INSERT INTO q VALUES (2); INSERT INTO r VALUES (3)`);
  t.after(() => server.query('DROP TABLE IF EXISTS p, q, r, "P old"'));
  const folder = temporaryFolder(t);
  const [log, cache] = [join(folder, 'log'), join(folder, 'cache.db')];
  await writeLog(server, log);
  await runImport(server, 'p,q', log, cache, { asked: { rename: ['p=mine'] } });
  const was = readFileSync(cache);
  await server.query('ALTER TABLE q RENAME TO "P old"; ALTER TABLE p RENAME TO q; ALTER TABLE r RENAME TO p');
  await appendHorizon(server, log);
  const error = await runImport(server, 'p', undefined, cache, { into: true }).catch((refused: unknown) => refused);
  assert.ok(error instanceof DeltaError, String(error));
  assert.equal(error.message, `${cache}: public.p is another table in Postgres now, and the one that the cache has is public.q; public.q is another table in Postgres now, and the one that the cache has is public.P old`);
  const [, typed] = /^import them together: deltaimport --table '(.*)' --into \S+$/.exec(error.hint ?? '') ?? [];
  assert.equal(typed, 'p,q,"P old"');
  assert.deepEqual(readFileSync(cache), was);
  await runImport(server, typed, undefined, cache, { into: true });
  assert.deepEqual(query(cache, 'SELECT name, "table", state FROM _daystream_tables ORDER BY name').map((row) => Object.values(row).join(' ')),
    ['P old P old joining', 'p p joining', 'q mine joining']);
  assert.deepEqual(['p', 'mine', 'P old'].map((name) => query(cache, `SELECT id FROM "${name}"`)), [[{ id: 3 }], [{ id: 1 }], [{ id: 2 }]]);
});

test('a table that Postgres has no more, or whose rows are in no log by now, gives way to the one of its name', async (t) => {
  t.after(() => server.query('DROP TABLE IF EXISTS p, q'));
  for (const gone of ['DROP TABLE p', 'ALTER TABLE p RENAME TO q; ALTER TABLE q SET UNLOGGED']) {
    await server.query('DROP TABLE IF EXISTS p, q; CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1)');
    const folder = temporaryFolder(t);
    const [log, cache] = [join(folder, 'log'), join(folder, 'cache.db')];
    await writeLog(server, log);
    await runImport(server, 'p', log, cache);
    await server.query(`${gone}; CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (2)`);
    await appendHorizon(server, log);
    await runImport(server, 'p', undefined, cache, { into: true });
    assert.deepEqual(query(cache, 'SELECT id FROM p'), [{ id: 2 }], gone);
    assert.deepEqual(query(cache, 'SELECT name FROM _daystream_tables'), [{ name: 'p' }]);
  }
});
