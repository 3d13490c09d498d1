/** Schemas that change while pgoutput is followed: the mirror and a fresh import have what Postgres has, told by triggers or found by polling. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Changing, DETECTIONS } from '../support/changing.js';

const BY_PGOUTPUT = { stream: ['--plugin', 'pgoutput'] } as const;

const TABLES = `
  CREATE SCHEMA s; CREATE TABLE s.first (id int PRIMARY KEY);
  CREATE TYPE mood AS ENUM ('sad', 'ok');
  CREATE TABLE t (id int PRIMARY KEY, v text, last int); INSERT INTO t SELECT n, 'v' || n, n FROM generate_series(1, 20) n;
  CREATE TABLE u (id int PRIMARY KEY, v text); INSERT INTO u SELECT n, 'u' || n FROM generate_series(1, 20) n;
  CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
  CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
  INSERT INTO p SELECT n, 'p' || n FROM generate_series(1, 19) n;
  CREATE TABLE apart (v text, id int PRIMARY KEY); INSERT INTO apart SELECT 'a' || n, n FROM generate_series(20, 29) n`;

/** One after the other, the mirror at work. */
const CHANGES = [
  "ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 5; UPDATE t SET n = id WHERE id % 2 = 0",
  'ALTER TABLE t DROP COLUMN last; ALTER TABLE t ADD COLUMN last int; UPDATE t SET last = 1 WHERE id < 5',
  'ALTER TABLE t RENAME COLUMN v TO w; DELETE FROM t WHERE id = 3',
  "ALTER TABLE t ALTER COLUMN n TYPE text USING 'x' || n; INSERT INTO t (id, w, n) VALUES (100, 'new', 'y')",
  'ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (n, id); UPDATE t SET w = w || n',
  'ALTER TABLE u RENAME TO u2; UPDATE u2 SET v = v || $$!$$',
  'BEGIN; ALTER TABLE t RENAME TO x; ALTER TABLE u2 RENAME TO t; ALTER TABLE x RENAME TO u2; COMMIT; UPDATE t SET v = $$t$$; UPDATE u2 SET w = $$u2$$',
  "BEGIN; CREATE TABLE made (id int PRIMARY KEY, m mood DEFAULT 'ok'); INSERT INTO made SELECT generate_series(1, 50); COMMIT; DELETE FROM made WHERE id > 40",
  'CREATE TABLE filled AS SELECT n AS id, n * 2 AS twice FROM generate_series(1, 30) n; ALTER TABLE filled ADD PRIMARY KEY (id); UPDATE filled SET twice = 0 WHERE id < 5',
  "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'; INSERT INTO made VALUES (60)",
  'TRUNCATE p2; INSERT INTO p VALUES (15, $$again$$)',
  'ALTER TABLE p ATTACH PARTITION apart FOR VALUES FROM (20) TO (30); UPDATE p SET v = v || $$+$$ WHERE id > 25',
  'ALTER TABLE p DETACH PARTITION p1; INSERT INTO p VALUES (12, $$more$$)',
  'DROP TABLE apart; TRUNCATE p; INSERT INTO p VALUES (13, $$after$$)',
  'ALTER TABLE p ADD COLUMN c int DEFAULT 9; INSERT INTO p VALUES (14, $$wide$$, 1)',
  'DROP TABLE u2; CREATE TABLE u2 (id text PRIMARY KEY); INSERT INTO u2 VALUES ($$other$$)',
  'ALTER TABLE made SET SCHEMA s; INSERT INTO s.made VALUES (70); INSERT INTO s.first VALUES (1)',
  'CREATE TABLE keyless (v text); INSERT INTO keyless VALUES ($$a$$), ($$b$$); ALTER TABLE keyless REPLICA IDENTITY FULL; UPDATE keyless SET v = $$c$$ WHERE v = $$a$$',
  'DO $$ BEGIN ALTER TABLE t ADD COLUMN sub int DEFAULT 3; INSERT INTO t VALUES (300, NULL); EXCEPTION WHEN OTHERS THEN NULL; END $$',
];

for (const detection of DETECTIONS) {
  test(`each change of a schema, known by ${detection}`, async (t) => {
    const changing = await Changing.start(t, detection, TABLES, BY_PGOUTPUT);
    for (const change of CHANGES) {
      await changing.query(change);
      assert.ok(await changing.requireSame('public', 's') > 20, change);
    }
  });

  test(`all changes at once, read late, known by ${detection}`, async (t) => {
    const changing = await Changing.start(t, detection, TABLES, BY_PGOUTPUT);
    assert.equal(await changing.stream.stop(), 0);
    for (const change of CHANGES) await changing.query(change);
    changing.stream.start();
    assert.ok(await changing.requireSame('public', 's') > 20);
  });
}
