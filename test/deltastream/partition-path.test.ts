import assert from 'node:assert/strict';
import { test } from 'node:test';
import { query } from '../support/cache.js';
import { Path } from '../support/path.js';

/** Partitions with other column orders and sub-partitions, and rows that move between all of them. */
const MOVING = `
  CREATE TABLE moved (region text, id int, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
  CREATE TABLE east PARTITION OF moved FOR VALUES IN ('east');
  CREATE TABLE west (gone int, v text, id int NOT NULL, region text NOT NULL); ALTER TABLE west DROP COLUMN gone; ALTER TABLE moved ATTACH PARTITION west FOR VALUES IN ('west');
  CREATE TABLE other PARTITION OF moved DEFAULT PARTITION BY RANGE (id);
  CREATE TABLE other_low (id int NOT NULL, v text, region text NOT NULL); ALTER TABLE other ATTACH PARTITION other_low FOR VALUES FROM (0) TO (100);
  CREATE TABLE other_high PARTITION OF other FOR VALUES FROM (100) TO (1000);
  ALTER TABLE other_high REPLICA IDENTITY FULL`;

const CHANGES = [
  "INSERT INTO moved SELECT (ARRAY['east', 'west', 'north'])[1 + i % 3], i, repeat('x', i * 20) FROM generate_series(1, 300) i",
  "UPDATE moved SET v = v || '!', id = id + 400 WHERE id % 7 = 0",
  "UPDATE moved SET region = CASE region WHEN 'east' THEN 'west' WHEN 'west' THEN 'north' ELSE 'east' END WHERE id % 2 = 0",
  "UPDATE moved SET id = 1000 - id WHERE region = 'north' AND id BETWEEN 1 AND 90",
  'DELETE FROM moved WHERE id % 5 = 0',
];

test('rows that move between partitions are in the mirror as they are in Postgres, by the name of their root', async (t) => {
  const path = await Path.start(t);
  await path.server.query(MOVING);
  await path.server.query(CHANGES[0]);
  path.deltastream();
  await path.import('moved');
  path.mirror();
  for (const sql of CHANGES.slice(1)) await path.server.query(sql);
  await path.caughtUp(path.cache());
  assert.ok(await path.compare(path.cache(), ['moved']) > 200);
});

test('and by their own names, where a truncate of one is followed and of the root empties all', async (t) => {
  const path = await Path.start(t);
  await path.server.query(MOVING);
  await path.server.query(CHANGES[0]);
  const leaves = ['east', 'west', 'other_low', 'other_high'];
  path.deltastream('--partitions', 'leaf');
  await path.import(leaves.join());
  path.mirror();
  for (const sql of [...CHANGES.slice(1), 'TRUNCATE west']) await path.server.query(sql);
  await path.caughtUp(path.cache());
  assert.ok(await path.compare(path.cache(), leaves) > 100);
  assert.deepEqual(query(path.cache(), 'SELECT count(*) AS n FROM west'), [{ n: 0 }]);
  await path.server.query("TRUNCATE moved; INSERT INTO moved VALUES ('east', 1, NULL)");
  await path.caughtUp(path.cache());
  assert.equal(await path.compare(path.cache(), leaves), 1);
  assert.deepEqual(query(path.cache(), "SELECT name FROM _daystream_tables WHERE state = 'quarantined'"), []);
});

test('partitions whose identities differ from their root\'s are mirrored by its key; one that does not log it quarantines with a cure that cures', async (t) => {
  const path = await Path.start(t);
  await path.server.query(`CREATE TABLE r (id int, k int, v text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
    CREATE TABLE r1 PARTITION OF r FOR VALUES IN (1); CREATE TABLE r2 PARTITION OF r FOR VALUES IN (2); CREATE TABLE r3 PARTITION OF r FOR VALUES IN (3); CREATE TABLE r4 PARTITION OF r FOR VALUES IN (4);
    ALTER TABLE r2 REPLICA IDENTITY FULL; ALTER TABLE r3 ALTER v SET NOT NULL; CREATE UNIQUE INDEX r3_wide ON r3 (v, k, id); ALTER TABLE r3 REPLICA IDENTITY USING INDEX r3_wide;
    CREATE UNIQUE INDEX r4_id ON r4 (id); ALTER TABLE r4 REPLICA IDENTITY USING INDEX r4_id;
    CREATE TABLE bare (id int, k int) PARTITION BY LIST (k); CREATE TABLE bare1 PARTITION OF bare (PRIMARY KEY (id)) FOR VALUES IN (1); CREATE TABLE bare2 PARTITION OF bare FOR VALUES IN (2); ALTER TABLE bare2 REPLICA IDENTITY FULL;
    INSERT INTO r SELECT i, 1 + i % 4, 'v' || i FROM generate_series(1, 40) i; INSERT INTO bare SELECT 1 + i / 2, 1 + i % 2 FROM generate_series(1, 20) i`);
  path.deltastream();
  await path.import('r,bare');
  let mirror = path.mirror();
  const change = async () => {
    await path.server.query("UPDATE r SET v = v || '!' WHERE k < 4; UPDATE r SET id = id + 100 WHERE k < 4 AND id % 3 = 0; UPDATE r SET k = 1 + k % 3 WHERE k < 4 AND id % 5 = 0; DELETE FROM r WHERE k < 4 AND id % 7 = 0");
    await path.server.query('UPDATE bare SET id = id + 1 WHERE k = 2; DELETE FROM bare WHERE k = 2 AND id = 5; INSERT INTO bare VALUES (77, 1), (77, 2)');
    await path.caughtUp(path.cache());
  };
  await change();
  await path.compare(path.cache(), ['r', 'bare']);
  await path.server.query('UPDATE r SET v = NULL WHERE k = 4; DELETE FROM bare WHERE k = 1 AND id = 77');
  await path.caughtUp(path.cache());
  const quarantined = query(path.cache(), "SELECT name, reason, cure FROM _daystream_tables WHERE state = 'quarantined' ORDER BY name") as { name: string; reason: string; cure: string }[];
  assert.deepEqual(quarantined.map(({ name, reason }) => [name, reason]), [
    ['bare', 'delete without an old key: public.bare1 has no usable replica identity (its root public.bare has no key)'],
    ['r', 'update without an old key: public.r4 has no usable replica identity (its root public.r has a key of other columns)'],
  ]);
  for (const table of ['bare1', 'r4']) await path.server.query(`ALTER TABLE public.${table} REPLICA IDENTITY FULL`);
  await mirror.stop();
  await path.import('r,bare');
  mirror = path.mirror();
  await path.server.query("UPDATE r SET v = 'mended' WHERE k = 4; DELETE FROM bare WHERE k = 1 AND id < 5");
  await path.caughtUp(path.cache());
  await path.compare(path.cache(), ['r', 'bare']);
});
