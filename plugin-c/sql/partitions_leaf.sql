\pset format unaligned
\pset tuples_only on
-- With partitions = leaf each partition goes by its own name, shape, key and oid; what has no rows is not named.
SELECT skip();
CREATE SCHEMA leaves;
CREATE TABLE leaves.root (region text, id int, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE leaves.east PARTITION OF leaves.root FOR VALUES IN ('east');
CREATE TABLE leaves.west (gone int, v text, id int NOT NULL, region text NOT NULL);
ALTER TABLE leaves.west DROP COLUMN gone;
ALTER TABLE leaves.root ATTACH PARTITION leaves.west FOR VALUES IN ('west');
CREATE TABLE leaves.other PARTITION OF leaves.root DEFAULT PARTITION BY RANGE (id);
CREATE TABLE leaves.other_low PARTITION OF leaves.other FOR VALUES FROM (0) TO (100);
INSERT INTO leaves.root VALUES ('east', 1, 'a'), ('west', 2, 'b'), ('north', 3, 'c');
UPDATE leaves.root SET id = id + 10 WHERE region = 'west';
-- A row that moves is deleted under one name and inserted under the other.
UPDATE leaves.root SET region = 'west' WHERE region = 'east';
UPDATE leaves.root SET region = 'east' WHERE region = 'north';
SELECT * FROM lines('partitions', 'leaf');
INSERT INTO leaves.root VALUES ('east', 4, 'd'), ('north', 5, 'e');
SELECT * FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'partitions', 'leaf', 'tables', 'leaves.root,leaves.other');
SELECT * FROM rows('partitions', 'leaf', 'tables', 'leaves.other_low');
-- A truncate empties the partitions that it names, or whose root it names.
TRUNCATE leaves.west;
TRUNCATE leaves.other, leaves.east;
TRUNCATE leaves.root;
SELECT * FROM rows('partitions', 'leaf');
-- A rewrite of the root is one of each partition.
INSERT INTO leaves.root VALUES ('east', 6, 'f'), ('west', 7, 'g');
ALTER TABLE leaves.root ALTER v TYPE varchar(10) USING v || '!';
-- The root's name and another partition are none of its business.
ALTER TABLE leaves.root RENAME TO trunk;
CREATE TABLE leaves.south PARTITION OF leaves.trunk FOR VALUES IN ('south');
INSERT INTO leaves.trunk VALUES ('west', 8, 'h');
ALTER TABLE leaves.trunk DETACH PARTITION leaves.west;
INSERT INTO leaves.west VALUES ('i', 9, 'west');
SELECT * FROM lines('partitions', 'leaf');
SELECT count(*) FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'partitions', 'root');
