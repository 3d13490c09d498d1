\pset format unaligned
\pset tuples_only on
-- What was undone was never made; what stands is told, whichever subtransaction made it.
CREATE TABLE undoing (id int PRIMARY KEY, v int);
CREATE TABLE undoing_too (id int PRIMARY KEY, v int);
SELECT skip();
BEGIN;
SAVEPOINT a;
ALTER TABLE undoing ADD COLUMN w int;
INSERT INTO undoing VALUES (1, 1, 1);
ROLLBACK TO a;
INSERT INTO undoing VALUES (2, 2);
SAVEPOINT b;
DROP TABLE undoing_too;
ROLLBACK TO b;
SAVEPOINT c;
CREATE TABLE undoing_made (id int PRIMARY KEY);
SAVEPOINT d;
CREATE INDEX ON undoing_made (id);
INSERT INTO undoing_made VALUES (1);
RELEASE d;
SAVEPOINT e;
ALTER TABLE undoing_made RENAME TO undoing_renamed;
INSERT INTO undoing_renamed VALUES (2);
ROLLBACK TO e;
RELEASE c;
SAVEPOINT f;
ALTER TABLE undoing_too ALTER v TYPE bigint;
CREATE TABLE undoing_gone (id int PRIMARY KEY);
INSERT INTO undoing_gone VALUES (1);
ROLLBACK TO f;
ALTER TABLE undoing_too RENAME v TO w;
COMMIT;
SELECT * FROM lines();
-- All of it.
BEGIN;
ALTER TABLE undoing ADD COLUMN w int;
DROP TABLE undoing_too;
CREATE TABLE undoing_gone (id int PRIMARY KEY);
TRUNCATE undoing;
ROLLBACK;
SELECT * FROM lines();
DROP TABLE undoing, undoing_too, undoing_made;
