\pset format unaligned
\pset tuples_only on
-- A partition that is made in its place is empty: nothing is said of it.
CREATE TABLE growing (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE growing_1 PARTITION OF growing FOR VALUES FROM (0) TO (10);
INSERT INTO growing VALUES (1, 'a');
SELECT skip();
CREATE TABLE growing_2 PARTITION OF growing FOR VALUES FROM (10) TO (20);
INSERT INTO growing VALUES (11, 'b');
BEGIN;
CREATE TABLE growing_3 PARTITION OF growing FOR VALUES FROM (20) TO (40) PARTITION BY RANGE (id);
CREATE TABLE growing_4 PARTITION OF growing_3 FOR VALUES FROM (20) TO (30);
INSERT INTO growing VALUES (21, 'c');
SAVEPOINT s;
CREATE TABLE growing_5 PARTITION OF growing_3 FOR VALUES FROM (30) TO (40);
INSERT INTO growing VALUES (31, 'd');
COMMIT;
-- A root with its partitions and rows in one transaction is whole.
BEGIN;
CREATE TABLE grown (id int PRIMARY KEY) PARTITION BY HASH (id);
CREATE TABLE grown_0 PARTITION OF grown FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE grown_1 PARTITION OF grown FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO grown SELECT generate_series(1, 3);
COMMIT;
SELECT * FROM lines();
-- A root that takes in what has rows is not.
BEGIN;
CREATE TABLE taking (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
ALTER TABLE growing DETACH PARTITION growing_1;
ALTER TABLE taking ATTACH PARTITION growing_1 FOR VALUES FROM (0) TO (10);
COMMIT;
SELECT * FROM lines();
-- An index of the root is one line, however many partitions have it.
CREATE INDEX growing_v ON growing (v);
CREATE INDEX growing_2_v ON growing_2 (v, id);
SELECT * FROM lines();
DROP TABLE growing, grown, taking;
