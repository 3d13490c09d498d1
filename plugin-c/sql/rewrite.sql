\pset format unaligned
\pset tuples_only on
-- ALTER TABLE that rewrites the rows changes them without change records: one line says that they are not known.
SELECT skip();
CREATE SCHEMA rewriting;
CREATE TABLE rewriting.t (id int PRIMARY KEY, v text, w int);
ALTER TABLE rewriting.t ALTER COLUMN v SET STORAGE EXTERNAL;
INSERT INTO rewriting.t SELECT n, repeat('long', n * 5000), n FROM generate_series(1, 3) n;
SELECT skip();
-- The same type, another one, one that has to be computed.
ALTER TABLE rewriting.t ALTER COLUMN w TYPE int USING w + 1;
ALTER TABLE rewriting.t ALTER COLUMN v TYPE text USING 'x' || v;
ALTER TABLE rewriting.t ALTER COLUMN w TYPE bigint;
ALTER TABLE rewriting.t ADD COLUMN r float8 DEFAULT random();
ALTER TABLE rewriting.t ADD COLUMN g int GENERATED ALWAYS AS (id + 1) STORED;
ALTER TABLE rewriting.t ADD COLUMN i int GENERATED ALWAYS AS IDENTITY;
SELECT * FROM lines();
UPDATE rewriting.t SET v = '' WHERE id = 1 RETURNING r IS NULL;
SELECT regexp_replace(line, E'\tr\t0[^\t]*', E'\tr\tR') FROM lines() AS line;
-- What is done while unlogged is in no WAL.
ALTER TABLE rewriting.t DROP COLUMN r, DROP COLUMN g, DROP COLUMN i;
ALTER TABLE rewriting.t SET UNLOGGED;
UPDATE rewriting.t SET v = 'unseen';
SELECT * FROM lines();
ALTER TABLE rewriting.t SET LOGGED;
SELECT * FROM lines();
-- Twice in a transaction: one line; the table's rows after it are left out, the next transaction's flow.
BEGIN;
INSERT INTO rewriting.t VALUES (4, 'before', 4);
ALTER TABLE rewriting.t ALTER COLUMN w TYPE bigint USING w + 1;
INSERT INTO rewriting.t VALUES (5, 'between', 5);
ALTER TABLE rewriting.t ALTER COLUMN w TYPE int;
INSERT INTO rewriting.t VALUES (6, 'after', 6);
COMMIT;
INSERT INTO rewriting.t VALUES (7, 'next', 7);
SELECT * FROM lines();
-- Undone: nothing.
BEGIN;
INSERT INTO rewriting.t VALUES (8, 'kept', 8);
SAVEPOINT s;
ALTER TABLE rewriting.t ALTER COLUMN w TYPE int USING w + 1;
ROLLBACK TO s;
COMMIT;
SELECT * FROM lines();
-- The same rows in another place: nothing.
VACUUM FULL rewriting.t;
CLUSTER rewriting.t USING t_pkey;
-- No rows, and none to change: nothing.
CREATE TABLE rewriting.empty (id int PRIMARY KEY, v int);
ALTER TABLE rewriting.empty ALTER COLUMN v TYPE bigint;
ALTER TABLE rewriting.t ADD COLUMN d timestamptz DEFAULT '2026-01-01 00:00+00';
ALTER TABLE rewriting.t DROP COLUMN d;
-- Nor the rows of a temporary table, which are in no WAL.
CREATE TEMP TABLE rewritten_temp AS SELECT 1 AS v;
ALTER TABLE rewritten_temp ALTER COLUMN v TYPE bigint;
-- A view's rows are not followed, written anew or not.
CREATE MATERIALIZED VIEW rewriting.view AS SELECT id FROM rewriting.t;
CREATE UNIQUE INDEX ON rewriting.view (id);
REFRESH MATERIALIZED VIEW rewriting.view;
REFRESH MATERIALIZED VIEW CONCURRENTLY rewriting.view;
SELECT * FROM lines();
-- A table that is not followed: nothing.
CREATE TABLE rewriting.other (id int PRIMARY KEY, v int);
INSERT INTO rewriting.other VALUES (1, 1);
SELECT skip();
ALTER TABLE rewriting.other ALTER COLUMN v TYPE int USING v + 1;
SELECT * FROM lines('tables', 'rewriting.t, public.*');
-- Partitions: one line in their root's name, which decides whether they are followed.
CREATE TABLE rewriting.root (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
CREATE TABLE rewriting.low PARTITION OF rewriting.root FOR VALUES FROM (0) TO (10);
CREATE TABLE rewriting.high PARTITION OF rewriting.root FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
CREATE TABLE rewriting.highest PARTITION OF rewriting.high FOR VALUES FROM (10) TO (20);
INSERT INTO rewriting.root VALUES (1, 1), (11, 11);
SELECT skip();
ALTER TABLE rewriting.root ALTER COLUMN v TYPE int USING v + 1;
ALTER TABLE rewriting.highest SET UNLOGGED;
ALTER TABLE rewriting.highest SET LOGGED;
SELECT * FROM lines('tables', 'rewriting.root');
ALTER TABLE rewriting.root ALTER COLUMN v TYPE int USING v + 1;
SELECT * FROM lines('tables', 'rewriting.low, rewriting.highest');
-- Renamed, moved, detached or dropped in the same transaction.
BEGIN;
ALTER TABLE rewriting.t ALTER COLUMN w TYPE int USING w + 1;
ALTER TABLE rewriting.t RENAME TO renamed;
ALTER TABLE rewriting.renamed ALTER COLUMN w TYPE int USING w + 1;
ALTER TABLE rewriting.renamed SET SCHEMA public;
COMMIT;
BEGIN;
ALTER TABLE rewriting.root DETACH PARTITION rewriting.low;
ALTER TABLE rewriting.low ALTER COLUMN v TYPE int USING v + 1;
COMMIT;
BEGIN;
ALTER TABLE rewriting.root ALTER COLUMN v TYPE int USING v + 1;
DROP TABLE rewriting.root;
COMMIT;
BEGIN;
CREATE TABLE rewriting.made AS SELECT 1 AS v;
ALTER TABLE rewriting.made ALTER COLUMN v TYPE text;
DROP SCHEMA rewriting CASCADE;
DROP TABLE renamed CASCADE;
COMMIT;
SELECT * FROM lines();
-- A large one, of two tables in turn.
CREATE TABLE rewrite_large AS SELECT n, n % 7 AS v FROM generate_series(1, 100000) n;
CREATE TABLE rewrite_beside AS SELECT n FROM generate_series(1, 10) n;
SELECT skip();
BEGIN;
ALTER TABLE rewrite_large ALTER COLUMN v TYPE bigint;
ALTER TABLE rewrite_beside ALTER COLUMN n TYPE bigint;
ALTER TABLE rewrite_large ALTER COLUMN v TYPE int;
INSERT INTO rewrite_beside VALUES (11);
COMMIT;
SELECT * FROM lines();
