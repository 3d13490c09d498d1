\pset format unaligned
\pset tuples_only on
-- A partition that is let go takes its rows with it, without a record; it is a table of its own.
CREATE TABLE leaving (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE leaving_1 PARTITION OF leaving FOR VALUES FROM (0) TO (10);
CREATE TABLE leaving_2 PARTITION OF leaving FOR VALUES FROM (10) TO (20);
INSERT INTO leaving VALUES (1), (11);
SELECT skip();
BEGIN;
INSERT INTO leaving VALUES (2);
ALTER TABLE leaving DETACH PARTITION leaving_1;
INSERT INTO leaving_1 VALUES (3);
COMMIT;
SELECT * FROM lines();
-- In two transactions.
ALTER TABLE leaving DETACH PARTITION leaving_2 CONCURRENTLY;
INSERT INTO leaving_2 VALUES (12);
SELECT * FROM lines();
-- Made, filled and let go at once: the root's row is no more.
BEGIN;
CREATE TABLE leaving_3 PARTITION OF leaving FOR VALUES FROM (20) TO (30);
INSERT INTO leaving VALUES (21);
ALTER TABLE leaving DETACH PARTITION leaving_3;
COMMIT;
SELECT * FROM lines();
-- From one root to another, and away and back.
CREATE TABLE arriving (id int PRIMARY KEY) PARTITION BY RANGE (id);
ALTER TABLE leaving ATTACH PARTITION leaving_1 FOR VALUES FROM (0) TO (10);
SELECT skip();
BEGIN;
ALTER TABLE leaving DETACH PARTITION leaving_1;
ALTER TABLE arriving ATTACH PARTITION leaving_1 FOR VALUES FROM (0) TO (10);
COMMIT;
BEGIN;
ALTER TABLE arriving DETACH PARTITION leaving_1;
INSERT INTO leaving_1 VALUES (4);
ALTER TABLE arriving ATTACH PARTITION leaving_1 FOR VALUES FROM (0) TO (10);
COMMIT;
SELECT * FROM lines();
-- Undone: nothing.
BEGIN;
ALTER TABLE arriving DETACH PARTITION leaving_1;
ROLLBACK;
SELECT * FROM lines();
DROP TABLE leaving, arriving, leaving_2, leaving_3;
