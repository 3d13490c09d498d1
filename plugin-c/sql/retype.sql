\pset format unaligned
\pset tuples_only on
-- A column's new type may print the same bytes otherwise: a line says so where readers do not know how.
SELECT skip();
CREATE SCHEMA retyping;
CREATE TYPE retyping.mood AS ENUM ('sad', 'ok');
CREATE TABLE retyping.t (id int PRIMARY KEY, v varchar(5), n numeric(5,2), o oid, i int, ts timestamp, c cidr, x xml, m retyping.mood, d oid);
INSERT INTO retyping.t VALUES (1);
SELECT skip();
-- Known to readers, or the same text.
SET timezone = 'UTC';
ALTER TABLE retyping.t ALTER v TYPE text, ALTER n TYPE numeric(9,2), ALTER i TYPE oid, ALTER ts TYPE timestamptz, ALTER c TYPE inet;
ALTER TYPE retyping.mood RENAME TO temper;
ALTER TABLE retyping.t ADD z regclass;
SELECT line FROM lines() AS line WHERE line ~ 'stale|_reload';
-- Not known.
ALTER TABLE retyping.t ALTER o TYPE regclass;
SELECT line FROM lines() AS line WHERE line ~ 'stale|_reload';
ALTER TABLE retyping.t ALTER x TYPE text;
SELECT line FROM lines() AS line WHERE line ~ 'stale|_reload';
-- With the row that follows in the same transaction; rolled back; said once.
BEGIN;
ALTER TABLE retyping.t ALTER d TYPE regclass;
INSERT INTO retyping.t (id) VALUES (2);
COMMIT;
BEGIN;
ALTER TABLE retyping.t ALTER o TYPE oid;
ROLLBACK;
INSERT INTO retyping.t (id) VALUES (3);
SELECT line FROM lines() AS line WHERE line ~ 'stale|_reload';
DROP SCHEMA retyping CASCADE;
SELECT skip();
