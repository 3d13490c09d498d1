\pset format unaligned
\pset tuples_only on
-- A table that goes is told, whether or not the session has heard of it before.
CREATE SCHEMA dropping;
CREATE TABLE dropping.a (id int PRIMARY KEY);
CREATE TABLE dropping.b (id int PRIMARY KEY, a int REFERENCES dropping.a);
CREATE TABLE dropping.c (id int PRIMARY KEY);
CREATE VIEW dropping.view AS SELECT id FROM dropping.c;
INSERT INTO dropping.a VALUES (1);
SELECT skip();
INSERT INTO dropping.c VALUES (1);
BEGIN;
INSERT INTO dropping.a VALUES (2);
DROP TABLE dropping.a CASCADE;
COMMIT;
SELECT * FROM lines();
BEGIN;
DROP TABLE dropping.b;
ROLLBACK;
SELECT * FROM lines();
-- Each once, and only those that are followed.
DROP SCHEMA dropping CASCADE;
SELECT * FROM lines('tables', 'dropping.b');
