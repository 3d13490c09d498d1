\pset format unaligned
\pset tuples_only on
-- What is not in the WAL, and what can be asked of other tables, is never in the log.
SELECT skip();
CREATE TABLE logged (id int PRIMARY KEY);
CREATE TEMP TABLE passing (id int PRIMARY KEY);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
CREATE MATERIALIZED VIEW refreshed AS SELECT id FROM logged;
CREATE VIEW seen AS SELECT id FROM logged;
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE elsewhere (id int) SERVER nowhere;
CREATE SEQUENCE counted;
BEGIN;
INSERT INTO passing VALUES (1);
INSERT INTO unlogged VALUES (1);
INSERT INTO seen VALUES (1);
SELECT nextval('counted');
REFRESH MATERIALIZED VIEW refreshed;
TRUNCATE passing, unlogged;
COMMIT;
ALTER TABLE passing ADD COLUMN v int DEFAULT random();
SELECT * FROM rows();
DROP FOREIGN DATA WRAPPER nowhere CASCADE;
