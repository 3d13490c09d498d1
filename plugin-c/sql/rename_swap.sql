\pset format unaligned
\pset tuples_only on
-- Two tables that swap their names.
CREATE TABLE swap_a (id int PRIMARY KEY, a int);
CREATE TABLE swap_b (id int PRIMARY KEY, b int);
SELECT skip();
BEGIN;
ALTER TABLE swap_a RENAME TO swap_x;
ALTER TABLE swap_b RENAME TO swap_a;
ALTER TABLE swap_x RENAME TO swap_b;
COMMIT;
INSERT INTO swap_a VALUES (1, 1);
INSERT INTO swap_b VALUES (2, 2);
SELECT * FROM lines();
-- With rows in between, and back.
BEGIN;
INSERT INTO swap_a VALUES (3, 3);
ALTER TABLE swap_a RENAME TO swap_x;
ALTER TABLE swap_b RENAME TO swap_a;
ALTER TABLE swap_x RENAME TO swap_b;
INSERT INTO swap_a VALUES (4, 4);
INSERT INTO swap_b VALUES (5, 5);
COMMIT;
SELECT * FROM lines();
-- One of the names alone is followed.
BEGIN;
ALTER TABLE swap_a RENAME TO swap_x;
ALTER TABLE swap_b RENAME TO swap_a;
ALTER TABLE swap_x RENAME TO swap_b;
COMMIT;
SELECT * FROM lines('tables', 'swap_a');
DROP TABLE swap_a, swap_b;
