\pset format unaligned
\pset tuples_only on
-- The key is the root's, whatever identity a partition has: where old rows hold it, changes are told by it.
SELECT skip();
CREATE TABLE keyed (id int, region text, code int NOT NULL, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE keyed_full PARTITION OF keyed FOR VALUES IN ('full');
ALTER TABLE keyed_full REPLICA IDENTITY FULL;
CREATE TABLE keyed_wider PARTITION OF keyed FOR VALUES IN ('wider');
CREATE UNIQUE INDEX keyed_wider_index ON keyed_wider (code, region, id);
ALTER TABLE keyed_wider REPLICA IDENTITY USING INDEX keyed_wider_index;
CREATE TABLE keyed_other PARTITION OF keyed FOR VALUES IN ('other');
CREATE UNIQUE INDEX keyed_other_index ON keyed_other (code);
ALTER TABLE keyed_other REPLICA IDENTITY USING INDEX keyed_other_index;
INSERT INTO keyed VALUES (1, 'full', 1, 'a'), (2, 'wider', 2, 'b'), (3, 'other', 3, 'c');
UPDATE keyed SET code = code + 10 WHERE region <> 'other';
UPDATE keyed SET id = id + 10 WHERE region <> 'other';
DELETE FROM keyed WHERE region <> 'other';
SELECT * FROM lines();
-- Where they do not, the change cannot be told: the key may have changed without a word.
UPDATE keyed SET id = 4 WHERE region = 'other';
DELETE FROM keyed;
SELECT * FROM rows();
-- Its cure.
ALTER TABLE keyed_other REPLICA IDENTITY FULL;
INSERT INTO keyed VALUES (5, 'other', 5, 'e');
UPDATE keyed SET id = 6;
SELECT * FROM rows();
-- A root that names an index goes by that index.
CREATE TABLE chosen (id int NOT NULL, v text) PARTITION BY RANGE (id);
CREATE UNIQUE INDEX chosen_index ON chosen (id);
CREATE TABLE chosen_low PARTITION OF chosen FOR VALUES FROM (0) TO (10);
ALTER TABLE chosen REPLICA IDENTITY USING INDEX chosen_index;
ALTER TABLE chosen_low REPLICA IDENTITY USING INDEX chosen_low_id_idx;
INSERT INTO chosen VALUES (1, 'a');
UPDATE chosen SET id = 2;
DELETE FROM chosen;
SELECT * FROM lines();
-- A key that only the partitions have is none of the root's: two of them may hold the same one.
CREATE TABLE keyless (id int, region text) PARTITION BY LIST (region);
CREATE TABLE keyless_a PARTITION OF keyless (PRIMARY KEY (id)) FOR VALUES IN ('a');
CREATE TABLE keyless_b PARTITION OF keyless (PRIMARY KEY (id)) FOR VALUES IN ('b');
ALTER TABLE keyless_b REPLICA IDENTITY FULL;
INSERT INTO keyless VALUES (1, 'a'), (1, 'b');
UPDATE keyless SET id = 2 WHERE region = 'b';
DELETE FROM keyless WHERE region = 'b';
SELECT * FROM lines();
UPDATE keyless SET id = 2;
SELECT * FROM rows();
UPDATE keyless SET id = 3;
SELECT * FROM rows('partitions', 'leaf');
