import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PINNED, requireEqual } from '../generator/equality.js';
import { requireSameShapes } from '../generator/migrations/shapes.js';
import { query } from '../support/cache.js';
import { DETECTIONS, INTERVAL } from '../support/changing.js';
import { Path } from '../support/path.js';
import { settled } from '../support/settled.js';

const MAKE = `
  CREATE SCHEMA a; CREATE SCHEMA b; CREATE SCHEMA c;
  CREATE TABLE a.t (id int PRIMARY KEY, v text); INSERT INTO a.t VALUES (1, 'one');
  CREATE TABLE a.y (id int PRIMARY KEY); INSERT INTO a.y VALUES (1);
  CREATE TABLE b.x (id int, v text); ALTER TABLE b.x REPLICA IDENTITY FULL; INSERT INTO b.x VALUES (1, 'one'), (1, 'one');
  CREATE TABLE c.out (id int PRIMARY KEY); INSERT INTO c.out VALUES (1)`;

const names = (cache: string) => query(cache, "SELECT schema || '.' || name AS name FROM _daystream_tables WHERE name <> 'marker' ORDER BY 1").map(({ name }) => name);

for (const detection of DETECTIONS) {
  test(`tables come to the hosts whose patterns choose them, and go, as they are made, renamed, moved and dropped, known by ${detection}`, async (t) => {
    const path = await Path.start(t);
    await path.server.query(MAKE);
    if (detection === 'triggers') path.run('deltastream', 'setup');
    path.deltastream('--tables', 'marker,a.*,b.*', '--schema-interval', INTERVAL);
    const caches = { all: 'a.*,b.*', star: 'a.*', one: 'a.t' };
    for (const [name, patterns] of Object.entries(caches)) await path.import(patterns, path.cache(name));
    const mirrors = Object.fromEntries(Object.keys(caches).map((name) => [name, path.mirror(path.cache(name))]));
    const client = await path.client();
    t.after(() => client.end());
    const same = async (sql: string, ...expected: (readonly string[])[]) => {
      await path.server.query(sql);
      await settled(path, Object.keys(caches).map((name) => path.cache(name)));
      assert.deepEqual(Object.keys(caches).map((name) => names(path.cache(name))), expected, sql);
      await client.query(PINNED);
      for (const [i, name] of Object.keys(caches).entries()) {
        await requireSameShapes(client, ['a', 'b'], 'root', [{ path: path.cache(name), patterns: expected[i].join(',') }]);
        await requireEqual(client, ['a', 'b'], 'root', [path.cache(name)], (shape) => expected[i].includes(`${shape.schema}.${shape.name}`));
      }
    };
    const copies = (name: string) => mirrors[name].stderr.match(/a copy of .* comes in/g) ?? [];

    await same("CREATE TABLE a.n (id int PRIMARY KEY, v text); INSERT INTO a.n VALUES (1, 'x')", ['a.n', 'a.t', 'a.y', 'b.x'], ['a.n', 'a.t', 'a.y'], ['a.t']);
    await same('ALTER TABLE b.x SET SCHEMA a; DELETE FROM a.x WHERE ctid = (SELECT min(ctid) FROM a.x)', ['a.n', 'a.t', 'a.x', 'a.y'], ['a.n', 'a.t', 'a.x', 'a.y'], ['a.t']);
    assert.deepEqual([copies('all').length, copies('star').length, copies('one').length], [0, 1, 0], 'who has it passes the copy over');
    await same("ALTER TABLE a.t RENAME TO u; INSERT INTO a.u VALUES (2, 'two')", ['a.n', 'a.u', 'a.x', 'a.y'], ['a.n', 'a.u', 'a.x', 'a.y'], ['a.u']);
    await same('ALTER TABLE a.y SET SCHEMA b; INSERT INTO b.y VALUES (2)', ['a.n', 'a.u', 'a.x', 'b.y'], ['a.n', 'a.u', 'a.x'], ['a.u']);
    await same('ALTER TABLE c.out SET SCHEMA a; INSERT INTO a.out VALUES (2)', ['a.n', 'a.out', 'a.u', 'a.x', 'b.y'], ['a.n', 'a.out', 'a.u', 'a.x'], ['a.u']);
    await same('ALTER TABLE a.x SET SCHEMA c; INSERT INTO c.x VALUES (2)', ['a.n', 'a.out', 'a.u', 'b.y'], ['a.n', 'a.out', 'a.u'], ['a.u']);
    await same('DROP TABLE a.n', ['a.out', 'a.u', 'b.y'], ['a.out', 'a.u'], ['a.u']);
    await same('ALTER SCHEMA b RENAME TO d; ALTER SCHEMA c RENAME TO b', ['a.out', 'a.u', 'b.x'], ['a.out', 'a.u'], ['a.u']);
    await same('CREATE TABLE b.x2 AS SELECT * FROM b.x; ALTER TABLE b.x RENAME TO x3; ALTER TABLE b.x2 RENAME TO x', ['a.out', 'a.u', 'b.x', 'b.x3'], ['a.out', 'a.u'], ['a.u']);
  });
}

test('a table that is dropped stays as it was where the mirror is told --keep-dropped, and gives its name to the next', async (t) => {
  const path = await Path.start(t);
  await path.server.query("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'old')");
  path.deltastream();
  await path.import('*');
  path.mirror(path.cache(), '--keep-dropped');
  await path.server.query('DROP TABLE t');
  await path.caughtUp(path.cache());
  assert.deepEqual(query(path.cache(), 'SELECT v FROM t'), [{ v: 'old' }]);
  assert.match(String(query(path.cache(), "SELECT reason FROM _daystream_tables WHERE name = 't'")[0].reason), /dropped/);
  await path.server.query("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'new')");
  await settled(path, [path.cache()]);
  assert.equal(await path.compare(path.cache(), ['t']), 1);
  const [{ name }] = query(path.cache(), "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 't (dropped %'");
  assert.deepEqual(query(path.cache(), `SELECT v FROM "${String(name)}"`), [{ v: 'old' }]);
});
