\pset format unaligned
\pset tuples_only on
-- A table is told when it is made, rows or not; one that is not followed, or undone, is not.
SELECT skip();
CREATE TABLE made (id int PRIMARY KEY, v text);
CREATE INDEX ON made (v DESC);
BEGIN;
CREATE TABLE made_with (id int, v text);
INSERT INTO made_with VALUES (1, 'a');
ALTER TABLE made_with ADD PRIMARY KEY (id);
CREATE INDEX ON made_with (v, id DESC);
COMMENT ON TABLE made_with IS E'all\tof it';
COMMENT ON COLUMN made_with.v IS 'a column';
UPDATE made_with SET v = 'b';
COMMIT;
CREATE TABLE made_as AS SELECT n FROM generate_series(1, 2) n;
SELECT 3 AS n INTO made_into;
CREATE TABLE made_like (LIKE made INCLUDING ALL);
CREATE TABLE made_nothing ();
CREATE SCHEMA making CREATE TABLE inside (id int PRIMARY KEY) CREATE VIEW seen AS SELECT 1 AS one;
BEGIN;
CREATE TABLE made_undone (id int PRIMARY KEY);
INSERT INTO made_undone VALUES (1);
ROLLBACK;
BEGIN;
CREATE TABLE made_and_dropped (id int PRIMARY KEY);
DROP TABLE made_and_dropped;
CREATE TABLE made_and_dropped (id int PRIMARY KEY);
INSERT INTO made_and_dropped VALUES (1);
DROP TABLE made_and_dropped;
COMMIT;
CREATE UNLOGGED TABLE made_unlogged (id int PRIMARY KEY);
CREATE TEMP TABLE made_temp (id int PRIMARY KEY);
CREATE SEQUENCE made_sequence;
CREATE TYPE made_type AS (a int);
CREATE MATERIALIZED VIEW made_view AS SELECT 1 AS a;
SELECT * FROM lines();
-- Only what is followed.
CREATE TABLE made_other (id int PRIMARY KEY);
CREATE TABLE making.inside_too (id int PRIMARY KEY);
SELECT * FROM lines('tables', 'making.*');
DROP TYPE made_type;
DROP SEQUENCE made_sequence;
DROP MATERIALIZED VIEW made_view;
DROP TABLE made, made_with, made_as, made_into, made_like, made_nothing, made_unlogged, made_other;
DROP SCHEMA making CASCADE;
SELECT * FROM lines();
