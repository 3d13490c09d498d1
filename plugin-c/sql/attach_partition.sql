\pset format unaligned
\pset tuples_only on
-- A partition that comes with rows of its own: the log does not have them under the root's name.
CREATE TABLE attaching (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE attached (id int PRIMARY KEY);
INSERT INTO attached VALUES (1);
SELECT skip();
ALTER TABLE attaching ATTACH PARTITION attached FOR VALUES FROM (0) TO (10);
INSERT INTO attaching VALUES (2);
SELECT * FROM lines();
-- Made, filled and attached at once; empty, it brings nothing.
BEGIN;
CREATE TABLE attached_full (id int PRIMARY KEY);
INSERT INTO attached_full VALUES (11);
ALTER TABLE attaching ATTACH PARTITION attached_full FOR VALUES FROM (10) TO (20);
INSERT INTO attaching VALUES (12);
COMMIT;
SELECT * FROM lines();
BEGIN;
CREATE TABLE attached_empty (id int PRIMARY KEY);
ALTER TABLE attaching ATTACH PARTITION attached_empty FOR VALUES FROM (20) TO (30);
INSERT INTO attaching VALUES (21);
COMMIT;
SELECT * FROM lines();
-- Where its name was not followed, and where the root's is not.
BEGIN;
CREATE TABLE attached_unseen (id int PRIMARY KEY);
INSERT INTO attached_unseen VALUES (31);
ALTER TABLE attaching ATTACH PARTITION attached_unseen FOR VALUES FROM (30) TO (40);
COMMIT;
SELECT * FROM lines('tables', 'attaching');
CREATE TABLE attached_away (id int PRIMARY KEY);
INSERT INTO attached_away VALUES (41);
SELECT skip();
ALTER TABLE attaching ATTACH PARTITION attached_away FOR VALUES FROM (40) TO (50);
SELECT * FROM lines('tables', 'attached_away');
-- A whole tree.
CREATE TABLE attached_tree (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE attached_leaf PARTITION OF attached_tree FOR VALUES FROM (50) TO (60);
INSERT INTO attached_tree VALUES (51);
SELECT skip();
ALTER TABLE attaching ATTACH PARTITION attached_tree FOR VALUES FROM (50) TO (60);
INSERT INTO attaching VALUES (52);
SELECT * FROM lines();
DROP TABLE attaching;
-- Each by its own name: nothing but that it is one.
CREATE TABLE attaching (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE attached (id int PRIMARY KEY);
INSERT INTO attached VALUES (1);
SELECT skip();
ALTER TABLE attaching ATTACH PARTITION attached FOR VALUES FROM (0) TO (10);
INSERT INTO attaching VALUES (2);
SELECT * FROM lines('partitions', 'leaf');
DROP TABLE attaching;
