\pset format unaligned
\pset tuples_only on
-- All plain indexes whenever one of them comes, changes or goes.
CREATE TABLE indexed (id int PRIMARY KEY, a int, b text, c point, d int);
SELECT skip();
CREATE INDEX indexed_one ON indexed (a);
CREATE INDEX "Indexed" ON indexed (b DESC, a NULLS FIRST);
CREATE UNIQUE INDEX _indexed ON indexed (a DESC) INCLUDE (b);
CREATE INDEX indexed_hash ON indexed USING hash (b);
ALTER TABLE indexed ADD CONSTRAINT indexed_unique UNIQUE (a, b);
SELECT * FROM lines();
-- What is not plain: nothing.
CREATE INDEX indexed_partial ON indexed (a) WHERE a > 0;
CREATE INDEX indexed_expression ON indexed (lower(b), a);
CREATE INDEX indexed_gist ON indexed USING gist (c);
CREATE UNIQUE INDEX indexed_key ON indexed (id);
SELECT * FROM lines();
-- One that is built beside the writers counts when it is valid, and no more when it begins to go.
CREATE INDEX CONCURRENTLY indexed_beside ON indexed (d);
SELECT * FROM lines();
DROP INDEX CONCURRENTLY indexed_beside;
SELECT * FROM lines();
INSERT INTO indexed VALUES (1, 1, 'a', '(1,1)', 1), (2, 2, 'b', '(1,1)', 1);
CREATE UNIQUE INDEX CONCURRENTLY indexed_invalid ON indexed (d);
SELECT * FROM rows();
-- A renamed column, one that goes with its indexes, the last that is left.
ALTER TABLE indexed RENAME COLUMN b TO e;
ALTER TABLE indexed DROP COLUMN e;
DROP INDEX indexed_one;
SELECT * FROM lines();
-- The key's own index, when it becomes one and when it is none any more.
CREATE UNIQUE INDEX indexed_other ON indexed (a);
ALTER TABLE indexed ALTER a SET NOT NULL;
ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_other;
ALTER TABLE indexed REPLICA IDENTITY DEFAULT;
SELECT * FROM lines();
-- A partitioned one is valid when all its parts are there.
CREATE TABLE indexed_root (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE indexed_leaf PARTITION OF indexed_root FOR VALUES FROM (0) TO (10);
SELECT skip();
CREATE INDEX indexed_root_v ON ONLY indexed_root (v);
CREATE INDEX indexed_leaf_v ON indexed_leaf (v);
SELECT * FROM lines();
ALTER INDEX indexed_root_v ATTACH PARTITION indexed_leaf_v;
SELECT * FROM lines();
DROP TABLE indexed, indexed_root;
