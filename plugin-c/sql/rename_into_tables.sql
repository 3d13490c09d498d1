\pset format unaligned
\pset tuples_only on
-- Renamed into what is followed: its rows are not in the log, so a copy has to follow.
CREATE TABLE other_name (id int PRIMARY KEY, v text);
CREATE INDEX other_index ON other_name (v);
INSERT INTO other_name VALUES (1, 'a');
SELECT skip();
BEGIN;
INSERT INTO other_name VALUES (2, 'b');
ALTER TABLE other_name RENAME TO followed_name;
COMMIT;
INSERT INTO followed_name VALUES (3, 'c');
SELECT * FROM lines('tables', 'followed_name');
-- With a row as its first line.
ALTER TABLE followed_name RENAME TO other_name;
SELECT skip();
BEGIN;
ALTER TABLE other_name RENAME TO followed_name;
INSERT INTO followed_name VALUES (4, 'd');
COMMIT;
SELECT * FROM lines('tables', 'followed_name');
DROP TABLE followed_name;
