\pset format unaligned
\pset tuples_only on
-- All partitions go by their root's name, shape and oid; a move is a delete and an insert.
SELECT skip();
CREATE SCHEMA parts;
CREATE TABLE parts.root (region text, id int, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parts.east PARTITION OF parts.root FOR VALUES IN ('east');
CREATE TABLE parts.west (gone int, v text, id int NOT NULL, region text NOT NULL);
ALTER TABLE parts.west DROP COLUMN gone;
ALTER TABLE parts.root ATTACH PARTITION parts.west FOR VALUES IN ('west');
CREATE TABLE parts.other PARTITION OF parts.root DEFAULT PARTITION BY RANGE (id);
CREATE TABLE parts.other_low PARTITION OF parts.other FOR VALUES FROM (0) TO (100);
INSERT INTO parts.root VALUES ('east', 1, 'a'), ('west', 2, 'b'), ('north', 3, 'c');
UPDATE parts.root SET v = upper(v);
UPDATE parts.root SET id = id + 10 WHERE region = 'west';
UPDATE parts.root SET region = 'west' WHERE region = 'east';
DELETE FROM parts.root WHERE region = 'north';
SELECT * FROM lines();
SELECT * FROM rows('tables', 'parts.east');
-- The leaf's own identity decides, and the cure names the leaf.
ALTER TABLE parts.west REPLICA IDENTITY NOTHING;
INSERT INTO parts.root VALUES ('west', 20, 'x');
UPDATE parts.root SET v = 'y' WHERE id = 20;
ALTER TABLE parts.west REPLICA IDENTITY FULL;
UPDATE parts.root SET v = 'z' WHERE id = 20;
SELECT * FROM lines('tables', 'parts.root');
-- Renames and new columns of the root reach the leaves' lines; old rows hold what their leaf says.
INSERT INTO parts.root VALUES ('east', 30, 'r');
ALTER TABLE parts.root RENAME TO renamed;
INSERT INTO parts.east VALUES ('east', 31, 'r');
ALTER TABLE parts.renamed ADD COLUMN extra int DEFAULT 7;
CREATE TABLE parts.south PARTITION OF parts.renamed FOR VALUES IN ('south');
INSERT INTO parts.south VALUES ('south', 32, 's', 8);
-- A partition that is let go is a table of its own.
ALTER TABLE parts.renamed DETACH PARTITION parts.east;
INSERT INTO parts.east VALUES ('east', 33, 't', 9);
SELECT * FROM lines();
