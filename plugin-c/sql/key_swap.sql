\pset format unaligned
\pset tuples_only on
-- Keys that are taken by another row for a moment, and rows that are found by all they hold.
SELECT skip();
CREATE TABLE swap (id int PRIMARY KEY DEFERRABLE, v text);
ALTER TABLE swap REPLICA IDENTITY FULL;
INSERT INTO swap VALUES (1, 'a'), (2, 'b'), (3, NULL);
UPDATE swap SET id = id + 1;
BEGIN; -- through a third value
UPDATE swap SET id = 0 WHERE id = 2;
UPDATE swap SET id = 2 WHERE id = 3;
UPDATE swap SET id = 3 WHERE id = 0;
COMMIT;
DELETE FROM swap WHERE v IS NULL;
SELECT * FROM lines();
-- The identity's index decides, not the primary key.
CREATE TABLE swap_index (id int PRIMARY KEY, code text NOT NULL, v text);
CREATE UNIQUE INDEX swap_index_code ON swap_index (code);
ALTER TABLE swap_index REPLICA IDENTITY USING INDEX swap_index_code;
INSERT INTO swap_index VALUES (1, 'x', 'a'), (2, 'y', 'b');
UPDATE swap_index SET id = id + 10;
BEGIN;
UPDATE swap_index SET code = 'z' WHERE code = 'x';
UPDATE swap_index SET code = 'x' WHERE code = 'y';
UPDATE swap_index SET code = 'y' WHERE code = 'z';
COMMIT;
DELETE FROM swap_index;
SELECT * FROM rows();
