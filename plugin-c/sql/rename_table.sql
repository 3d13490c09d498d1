\pset format unaligned
\pset tuples_only on
-- A rename is one line at once, under the new name with the same oid; whoever follows that name alone is offered a copy.
CREATE TABLE name_a (id int PRIMARY KEY, v text);
CREATE INDEX name_index ON name_a (v);
COMMENT ON TABLE name_a IS 'kept';
SELECT skip();
ALTER TABLE name_a RENAME TO name_b;
SELECT * FROM lines();
-- In the middle of rows; columns, too.
BEGIN;
INSERT INTO name_b VALUES (1, 'b');
ALTER TABLE name_b RENAME TO name_c;
INSERT INTO name_c VALUES (2, 'c');
ALTER TABLE name_c RENAME COLUMN v TO w;
UPDATE name_c SET w = 'd' WHERE id = 1;
ALTER TABLE name_c RENAME TO name_d;
COMMIT;
SELECT * FROM lines();
-- There and back again: nothing. Undone: nothing.
BEGIN;
ALTER TABLE name_d RENAME TO name_e;
ALTER TABLE name_e RENAME TO name_d;
COMMIT;
BEGIN;
ALTER TABLE name_d RENAME TO name_e;
ROLLBACK;
SELECT * FROM lines();
-- There and back again with a row: both are named.
BEGIN;
ALTER TABLE name_d RENAME TO name_e;
INSERT INTO name_e VALUES (3, 'e');
ALTER TABLE name_e RENAME TO name_d;
COMMIT;
INSERT INTO name_d VALUES (4, 'd');
SELECT * FROM lines();
-- The same where the name in between is not followed: the log lacks the row.
BEGIN;
ALTER TABLE name_d RENAME TO name_e;
INSERT INTO name_e VALUES (5, 'e');
ALTER TABLE name_e RENAME TO name_d;
COMMIT;
SELECT * FROM lines('tables', 'name_d');
-- A column alone, a constraint's name (which is an index's), an index's.
ALTER TABLE name_d RENAME COLUMN w TO v;
ALTER TABLE name_d RENAME CONSTRAINT name_a_pkey TO name_d_pkey;
ALTER INDEX name_index RENAME TO name_of_index;
SELECT * FROM lines();
DROP TABLE name_d;
