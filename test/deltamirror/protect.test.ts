/** Protection: mirrored tables are written by the mirror alone, and everything else in the file stays its owner's. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { openCache } from '../../src/sqlite/open.js';
import { isProtected, setProtection } from '../../src/sqlite/protect.js';
import { keyedTable, query, runMirror } from '../support/cache.js';
import { bench, ids, part, play, shape, spaced, writeLog, type Bench, type Step } from '../support/mirror.js';

const WHY = /^SqliteError: (?:t|[\w ]+) mirrors a table of Postgres, and is written by deltamirror alone: change it in Postgres, or let this cache be written with deltamirror --no-protect$/;
const TRIGGERS = "SELECT count(*) AS n FROM sqlite_schema WHERE name LIKE '\\_daystream\\_protect\\_%' ESCAPE '\\'";

/** A protected cache with one row in t, id 1. */
async function guarded(t: TestContext): Promise<Bench> {
  const paths = bench(t, [keyedTable('t', ['v'])]);
  protect(paths.cache, true);
  await writeLog(paths.log, spaced(700, ['t insert id 1 v a']));
  await runMirror(paths.cache, paths.log);
  assert.deepEqual(ids(paths.cache), [1]);
  return paths;
}

function protect(path: string, on: boolean): void {
  const cache = openCache(path);
  try {
    setProtection(cache, on);
    assert.equal(isProtected(cache), on);
  } finally {
    cache.close();
  }
}

/** Runs SQL as any application would. */
function write(path: string, sql: string): void {
  const app = new Database(path);
  try {
    app.exec(sql);
  } finally {
    app.close();
  }
}

test('every way of writing a row of a mirrored table fails, says why, and changes nothing', async (t) => {
  const { cache } = await guarded(t);
  const ways = [
    "INSERT INTO t VALUES (2, 'b')", "INSERT OR REPLACE INTO t VALUES (1, 'b')", "INSERT OR IGNORE INTO t VALUES (2, 'b')", "REPLACE INTO t VALUES (2, 'b')",
    "INSERT INTO t VALUES (1, 'b') ON CONFLICT (id) DO UPDATE SET v = 'b'", "INSERT INTO t VALUES (1, 'b') ON CONFLICT DO NOTHING", "INSERT INTO t SELECT 3, 'c'",
    "UPDATE t SET v = 'b'", "UPDATE OR IGNORE t SET id = 5", "UPDATE t SET v = 'x' FROM (SELECT 1)", 'DELETE FROM t', 'DELETE FROM t WHERE id = 1',
    "PRAGMA recursive_triggers = ON; REPLACE INTO t VALUES (1, 'b')", "PRAGMA foreign_keys = ON; DELETE FROM t",
    "BEGIN IMMEDIATE; UPDATE t SET v = 'b'",
    "CREATE TABLE own (id INTEGER); CREATE TRIGGER mine AFTER INSERT ON own BEGIN DELETE FROM t; END; INSERT INTO own VALUES (1)",
    "CREATE VIEW seen AS SELECT * FROM t; CREATE TRIGGER through INSTEAD OF INSERT ON seen BEGIN INSERT INTO t VALUES (9, 'z'); END; INSERT INTO seen VALUES (1, 'a')",
  ];
  for (const sql of ways) assert.throws(() => write(cache, sql), (error) => WHY.test(String(error)), sql);
  assert.throws(() => {
    const other = new Database(':memory:');
    other.prepare('ATTACH ? AS cache').run(cache);
    other.exec('DELETE FROM cache.t');
  }, (error) => WHY.test(String(error)));
  assert.deepEqual(query(cache, 'SELECT * FROM t'), [{ id: 1, v: 'a' }]);
  assert.deepEqual(query(cache, 'SELECT * FROM own'), [], 'what set it off is undone with it');
});

test('reading, own tables, indexes, triggers, views and the upkeep of the file stay free, and the mirror goes on beside them', async (t) => {
  const { cache, log } = await guarded(t);
  const ways = [
    'CREATE TABLE own (id INTEGER PRIMARY KEY REFERENCES t ON DELETE CASCADE, v TEXT)', "INSERT INTO own VALUES (1, 'mine')", "UPDATE own SET v = (SELECT v FROM t WHERE t.id = own.id)",
    'CREATE INDEX own_index ON t (v)', 'CREATE VIEW own_view AS SELECT t.id FROM t JOIN own USING (id)', 'CREATE TABLE log (what TEXT)',
    "CREATE TRIGGER own_trigger AFTER INSERT ON t BEGIN INSERT INTO log VALUES ('came ' || NEW.id); END", 'ALTER TABLE own RENAME TO own2', 'ALTER TABLE own2 RENAME COLUMN v TO w',
    'CREATE TEMP TABLE t2 AS SELECT * FROM t', 'ANALYZE', 'REINDEX', 'VACUUM', 'PRAGMA wal_checkpoint(TRUNCATE)', 'PRAGMA optimize', 'DROP TABLE own2', 'DROP VIEW own_view', 'DROP INDEX own_index',
  ];
  for (const sql of ways) assert.doesNotThrow(() => write(cache, sql), sql);
  await writeLog(log, spaced(701, ['t insert id 2 v b', 't update id 1 v c']));
  await runMirror(cache, log);
  assert.deepEqual(query(cache, 'SELECT * FROM t'), [{ id: 1, v: 'c' }, { id: 2, v: 'b' }]);
  assert.deepEqual(query(cache, 'SELECT * FROM log'), [{ what: 'came 2' }]);
  assert.deepEqual(query(cache, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
  assert.throws(() => write(cache, 'DELETE FROM t'), (error) => WHY.test(String(error)), 'VACUUM and the mirror keep it');
});

test('nobody sees the protection down while the mirror writes, and a mirror that dies midway leaves it up', async (t) => {
  const { cache } = await guarded(t);
  const mirror = openCache(cache);
  t.after(() => mirror.close());
  mirror.exec('BEGIN IMMEDIATE; UPDATE _daystream_position SET protect = 0; DELETE FROM t');
  assert.deepEqual(query(cache, 'SELECT protect FROM _daystream_position'), [{ protect: 1 }]);
  mirror.close();
  assert.throws(() => write(cache, 'DELETE FROM t'), (error) => WHY.test(String(error)));
  assert.deepEqual(ids(cache), [1]);
});

test('switched off, nothing of it is left, and anybody writes', async (t) => {
  const { cache } = await guarded(t);
  protect(cache, false);
  assert.deepEqual(query(cache, TRIGGERS), [{ n: 0 }]);
  write(cache, "INSERT INTO t VALUES (2, 'b')");
  assert.deepEqual(ids(cache), [1, 2]);
});

test('a trigger that somebody dropped is made again when the mirror starts', async (t) => {
  const { cache, log } = await guarded(t);
  write(cache, 'DROP TRIGGER _daystream_protect_1_delete');
  await runMirror(cache, log);
  assert.throws(() => write(cache, 'DELETE FROM t'), (error) => WHY.test(String(error)));
});

/** What became of tables, as it was said. */
const told = ({ said, folder }: { said: string; folder: string }) => said.replaceAll(folder, '').split('\n').filter((line) => !line.includes('caught up'));

/** What a log can do to tables; each leaves tables that are protected under their names of then. */
const STORIES: Readonly<Record<string, readonly Step[]>> = {
  'a new column, an index, a dropped column': [
    [700, shape('t', 1, 'v 2~null~text w 3~null~text'), 't insert id 1 v a w b'], [701, 't indexes _oid 1 t_by_w 3', 't update id 1 w c'], [702, shape('t', 1, 'w 3~null~text'), 't update id 1 w d'],
  ],
  'a rename': [[700, 't insert id 1 v a'], [701, shape('renamed', 1, 'v 2~null~text'), 'renamed insert id 2 v b']],
  'two that swap their names': [
    [700, 't insert id 1 v a', 'u insert id 7 v u'], [701, shape('aside', 1, 'v 2~null~text'), shape('t', 2, 'v 2~null~text'), shape('u', 1, 'v 2~null~text'), 't insert id 8 v t', 'u insert id 2 v u'],
  ],
  'dropped and made anew': [[700, 't insert id 1 v a'], [701, 't drop _oid 1', shape('t', 5, 'v 2~null~text', 'create'), 't insert id 9 v new']],
  'a new table': [[700, shape('another', 6, 'v 2~null~text', 'create'), 'another insert id 3 v x']],
  'a truncate, and rows again': [[700, 't insert id 1 v a', 't insert id 2 v b'], [701, 't truncate', 't insert id 3 v c']],
  'a key that changes': [[700, 't insert id 1 v a'], [701, 't replace id 1', 't update id 5 v a'], [702, 't delete id 5']],
  'a copy that comes in': [
    [700, 't insert id 1 v a'], [701, 't stale _oid 1 _reason why'],
    part(0, [`_table ${shape('t', 1, 'v 2~null~text').replace(' schema', ' _action schema')}`], { snapshot: '702:702:' }), part(1, ['_table t _action insert id 4 v d'], { isLast: true }), [703, 't insert id 5 v e'],
  ],
};

for (const [name, steps] of Object.entries(STORIES)) {
  test(`what the log says is applied to a protected cache as to any other: ${name}`, async (t) => {
    const tables = [keyedTable('t', ['v']), { ...keyedTable('u', ['v']), oid: 2 }];
    const before = "INSERT INTO _daystream_patterns (pattern) VALUES ('another'), ('renamed'), ('aside')";
    const plain = await play(t, tables, steps, { before });
    const shielded = await play(t, tables, steps, { before: `${before}; UPDATE _daystream_position SET protect = 1` });
    assert.deepEqual(shielded.states, plain.states);
    assert.deepEqual(told(shielded), told(plain));
    const held = shielded.states.filter(({ table }) => query(plain.cache, `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '${String(table)}'`).length > 0).map(({ table }) => String(table));
    assert.ok(held.length > 1);
    for (const table of held) {
      assert.deepEqual(query(shielded.cache, `SELECT * FROM "${table}"`), query(plain.cache, `SELECT * FROM "${table}"`));
      assert.throws(() => write(shielded.cache, `INSERT INTO "${table}" DEFAULT VALUES`), (error) => String(error).startsWith(`SqliteError: ${table} mirrors a table`), table);
    }
    assert.deepEqual(query(shielded.cache, TRIGGERS), [{ n: 3 * held.length }]);
  });
}
