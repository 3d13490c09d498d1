\pset format unaligned
\pset tuples_only on
-- Made under one name and renamed in the same transaction: whole only where all its rows came under the name that counts.
SELECT skip();
-- The way of migration tools: build beside, then take the place.
CREATE TABLE built (id int PRIMARY KEY);
INSERT INTO built VALUES (1);
SELECT skip();
BEGIN;
CREATE TABLE built_new (id bigint PRIMARY KEY);
INSERT INTO built_new SELECT id FROM built;
DROP TABLE built;
ALTER TABLE built_new RENAME TO built;
COMMIT;
INSERT INTO built VALUES (2);
SELECT * FROM lines();
-- The same where the name beside is not followed: what came under it is not in the log.
BEGIN;
CREATE TABLE built_new (id int PRIMARY KEY);
INSERT INTO built_new SELECT id FROM built;
ALTER TABLE built RENAME TO built_old;
ALTER TABLE built_new RENAME TO built;
INSERT INTO built VALUES (3);
DROP TABLE built_old;
COMMIT;
INSERT INTO built VALUES (4);
SELECT * FROM lines('tables', 'built');
-- Without rows it is whole.
BEGIN;
CREATE TABLE built_empty (id int PRIMARY KEY);
ALTER TABLE built_empty RENAME TO filled;
INSERT INTO filled VALUES (1);
COMMIT;
SELECT * FROM lines('tables', 'filled');
-- The rows beside were rewritten, and undone ones count for nothing.
BEGIN;
CREATE TABLE filled_new (id int PRIMARY KEY);
SAVEPOINT s;
INSERT INTO filled_new VALUES (1);
ROLLBACK TO s;
DROP TABLE filled;
ALTER TABLE filled_new RENAME TO filled;
COMMIT;
SELECT * FROM lines('tables', 'filled');
DROP TABLE built, filled;
