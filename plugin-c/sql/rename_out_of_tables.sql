\pset format unaligned
\pset tuples_only on
-- Renamed out of what is followed: gone, as if dropped.
CREATE TABLE followed_name (id int PRIMARY KEY);
SELECT skip();
BEGIN;
INSERT INTO followed_name VALUES (1);
ALTER TABLE followed_name RENAME TO other_name;
INSERT INTO other_name VALUES (2);
COMMIT;
INSERT INTO other_name VALUES (3);
ALTER TABLE other_name ADD COLUMN v int;
DROP TABLE other_name;
SELECT * FROM lines('tables', 'followed_name');
