\pset format unaligned
\pset tuples_only on
-- The key is the index of the replica identity, in the index's order.
SELECT skip();
CREATE TABLE by_index (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL, v text);
CREATE UNIQUE INDEX by_index_ba ON by_index (b, a) INCLUDE (v);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_ba;
INSERT INTO by_index VALUES (1, 2, 3, 'x');
UPDATE by_index SET id = 10;
UPDATE by_index SET a = 20;
DELETE FROM by_index;
SELECT * FROM lines();
-- The index is dropped: the server logs no key, though there is a primary key.
INSERT INTO by_index VALUES (1, 2, 3, 'x');
DROP INDEX by_index_ba;
UPDATE by_index SET v = 'y';
SELECT * FROM lines();
