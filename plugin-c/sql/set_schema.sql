\pset format unaligned
\pset tuples_only on
-- A move to another schema is a rename.
CREATE SCHEMA moved;
CREATE TABLE moving (id int PRIMARY KEY);
SELECT skip();
ALTER TABLE moving SET SCHEMA moved;
INSERT INTO moved.moving VALUES (1);
ALTER TABLE moved.moving SET SCHEMA public;
SELECT * FROM lines();
-- Out of what is followed, and into it.
ALTER TABLE moving SET SCHEMA moved;
INSERT INTO moved.moving VALUES (2);
ALTER TABLE moved.moving SET SCHEMA public;
INSERT INTO moving VALUES (3);
SELECT * FROM lines('tables', '*');
DROP TABLE moving;
DROP SCHEMA moved;
