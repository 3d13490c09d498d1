\pset format unaligned
\pset tuples_only on
-- What is in no WAL, or in no table that can be followed: nothing, though it touches the catalog.
CREATE TABLE permanent (id int PRIMARY KEY, v text);
SELECT skip();
BEGIN;
CREATE TEMP TABLE passing (id int PRIMARY KEY, v text) ON COMMIT DROP;
INSERT INTO passing VALUES (1, 'a');
CREATE INDEX ON passing (v);
ALTER TABLE passing ALTER v TYPE varchar(9);
COMMIT;
CREATE TEMP TABLE staying (id int PRIMARY KEY);
ALTER TABLE staying RENAME TO stayed;
TRUNCATE stayed;
DROP TABLE stayed;
CREATE TEMP TABLE passing_root (id int) PARTITION BY RANGE (id);
CREATE TEMP TABLE passing_leaf PARTITION OF passing_root FOR VALUES FROM (0) TO (10);
DROP TABLE passing_root;
CREATE VIEW passing_view AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW passing_kept AS SELECT id FROM permanent;
CREATE UNIQUE INDEX ON passing_kept (id);
REFRESH MATERIALIZED VIEW CONCURRENTLY passing_kept;
CREATE SEQUENCE passing_sequence;
SELECT nextval('passing_sequence');
CREATE TYPE passing_type AS (a int);
ALTER TYPE passing_type ADD ATTRIBUTE b int;
CREATE FUNCTION passing() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE RULE passing_rule AS ON UPDATE TO passing_view DO INSTEAD NOTHING;
SELECT * FROM lines();
DROP MATERIALIZED VIEW passing_kept;
DROP VIEW passing_view;
DROP SEQUENCE passing_sequence;
DROP TYPE passing_type;
DROP FUNCTION passing;
DROP TABLE permanent;
