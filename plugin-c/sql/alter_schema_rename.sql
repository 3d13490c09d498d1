\pset format unaligned
\pset tuples_only on
-- A schema's new name is that of all its tables, none of which is touched itself.
CREATE SCHEMA house;
CREATE TABLE house.a (id int PRIMARY KEY);
CREATE TABLE house.b (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE house.b1 PARTITION OF house.b FOR VALUES FROM (0) TO (10);
CREATE VIEW house.view AS SELECT 1 AS one;
SELECT skip();
ALTER SCHEMA house RENAME TO home;
SELECT * FROM lines();
-- Other schemas come and change: nothing.
CREATE SCHEMA house;
GRANT USAGE ON SCHEMA house TO public;
GRANT USAGE ON SCHEMA home TO public;
ALTER SCHEMA house OWNER TO current_user;
DROP SCHEMA house;
SELECT * FROM lines();
-- With rows in between, there and back.
BEGIN;
INSERT INTO home.a VALUES (1);
ALTER SCHEMA home RENAME TO house;
INSERT INTO house.a VALUES (2);
INSERT INTO house.b VALUES (2);
ALTER SCHEMA house RENAME TO home;
INSERT INTO home.a VALUES (3);
COMMIT;
SELECT * FROM lines();
-- Where only one of the names is followed: out, into, and rows in between that the log does not have.
ALTER SCHEMA home RENAME TO house;
INSERT INTO house.a VALUES (4);
ALTER SCHEMA house RENAME TO home;
SELECT * FROM lines('tables', 'home.*');
BEGIN;
ALTER SCHEMA home RENAME TO house;
INSERT INTO house.a VALUES (5);
INSERT INTO house.b VALUES (5);
ALTER SCHEMA house RENAME TO home;
COMMIT;
SELECT * FROM lines('tables', 'home.*');
-- A schema that was made while the session goes on.
CREATE SCHEMA young;
CREATE TABLE young.c (id int PRIMARY KEY);
ALTER SCHEMA young RENAME TO old;
SELECT * FROM lines();
DROP SCHEMA home, old CASCADE;
