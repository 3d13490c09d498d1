\pset format unaligned
\pset tuples_only on
-- A root's line names the identity that holds for all its partitions, as soon as it does.
CREATE TABLE owning (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE owning_1 PARTITION OF owning FOR VALUES FROM (0) TO (10);
CREATE TABLE owning_2 PARTITION OF owning FOR VALUES FROM (10) TO (20);
SELECT skip();
INSERT INTO owning VALUES (1, 'a'), (11, 'a');
ALTER TABLE owning_1 REPLICA IDENTITY FULL;
UPDATE owning SET v = 'b';
ALTER TABLE owning_2 REPLICA IDENTITY FULL;
UPDATE owning SET v = 'c';
CREATE TABLE owning_3 PARTITION OF owning FOR VALUES FROM (20) TO (30);
ALTER TABLE owning_3 REPLICA IDENTITY FULL;
DROP TABLE owning_3;
SELECT * FROM lines();
DROP TABLE owning;
