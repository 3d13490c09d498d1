\pset format unaligned
\pset tuples_only on
-- Again whenever the shape changed, in the middle of a transaction too, and only then.
SELECT skip();
CREATE TABLE evolving (id int PRIMARY KEY, v varchar(5));
INSERT INTO evolving VALUES (1, 'a');
ALTER TABLE evolving ADD COLUMN plain int;
INSERT INTO evolving VALUES (2, 'b', 1);
ALTER TABLE evolving ADD COLUMN filled text NOT NULL DEFAULT E'tab\there', ADD COLUMN at timestamptz DEFAULT '2026-01-01 12:00+02', ADD COLUMN empty text DEFAULT '';
INSERT INTO evolving VALUES (3, 'c');
ALTER TABLE evolving ALTER filled SET DEFAULT 'for new rows only';
UPDATE evolving SET v = 'A' WHERE id = 1;
ALTER TABLE evolving DROP COLUMN plain;
UPDATE evolving SET v = 'B' WHERE id = 2;
BEGIN;
ALTER TABLE evolving RENAME COLUMN v TO w;
INSERT INTO evolving (id, w) VALUES (4, 'd');
ALTER TABLE evolving ALTER COLUMN w TYPE varchar(9);
ALTER TABLE evolving ALTER COLUMN w SET NOT NULL;
INSERT INTO evolving (id, w) VALUES (5, 'e');
COMMIT;
BEGIN;
ALTER TABLE evolving RENAME TO rolled_back;
INSERT INTO rolled_back (id, w) VALUES (6, 'f');
ROLLBACK;
INSERT INTO evolving (id, w) VALUES (7, 'g');
ALTER TABLE evolving DROP CONSTRAINT evolving_pkey, ADD PRIMARY KEY (w);
UPDATE evolving SET w = 'h' WHERE id = 7;
-- A rewrite writes no row, but says that it was.
ALTER TABLE evolving ALTER COLUMN id TYPE bigint;
DELETE FROM evolving WHERE id = 7;
SELECT * FROM lines();
-- The names of schemas and types are part of it; a comment, an index, another table are not.
CREATE SCHEMA before;
CREATE TYPE before.kind AS ENUM ('a');
CREATE TABLE before.t (id int PRIMARY KEY, k before.kind);
INSERT INTO before.t VALUES (1, 'a');
ALTER SCHEMA before RENAME TO after;
INSERT INTO after.t VALUES (2, 'a');
ALTER TYPE after.kind RENAME TO sort;
INSERT INTO after.t VALUES (3, 'a');
ALTER TYPE after.sort RENAME VALUE 'a' TO 'b';
COMMENT ON TABLE after.t IS 'x';
CREATE INDEX ON after.t (k);
CREATE TABLE after.unrelated ();
VACUUM after.t;
ANALYZE after.t;
INSERT INTO after.t VALUES (4, 'b');
ALTER TABLE after.t SET SCHEMA public;
INSERT INTO t VALUES (5, 'b');
DROP TABLE t;
CREATE TABLE t (id int PRIMARY KEY);
INSERT INTO t VALUES (6);
SELECT * FROM lines();
DROP TABLE t;
