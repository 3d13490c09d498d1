\pset format unaligned
\pset tuples_only on
-- The rows of a partition that is dropped are gone without a record.
CREATE TABLE losing (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE losing_1 PARTITION OF losing FOR VALUES FROM (0) TO (10);
CREATE TABLE losing_2 PARTITION OF losing FOR VALUES FROM (10) TO (30) PARTITION BY RANGE (id);
CREATE TABLE losing_3 PARTITION OF losing_2 FOR VALUES FROM (10) TO (20);
INSERT INTO losing VALUES (1), (11);
SELECT skip();
DROP TABLE losing_1;
DROP TABLE losing_2;
SELECT * FROM lines();
-- One that the transaction made itself, with a row and without.
BEGIN;
CREATE TABLE losing_4 PARTITION OF losing FOR VALUES FROM (0) TO (10);
INSERT INTO losing VALUES (1);
DROP TABLE losing_4;
COMMIT;
BEGIN;
CREATE TABLE losing_5 PARTITION OF losing FOR VALUES FROM (0) TO (10);
DROP TABLE losing_5;
COMMIT;
SELECT * FROM lines();
-- With its root it is the root that goes.
CREATE TABLE losing_6 PARTITION OF losing FOR VALUES FROM (0) TO (10);
INSERT INTO losing VALUES (1);
SELECT skip();
DROP TABLE losing;
SELECT * FROM lines();
-- Each by its own name: each goes.
CREATE TABLE losing (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE losing_1 PARTITION OF losing FOR VALUES FROM (0) TO (10);
CREATE TABLE losing_2 PARTITION OF losing FOR VALUES FROM (10) TO (30);
SELECT skip();
DROP TABLE losing_1;
DROP TABLE losing;
SELECT * FROM lines('partitions', 'leaf');
