\pset format unaligned
\pset tuples_only on
-- One line per followed table; a partition alone cannot be told from its root.
SELECT skip();
CREATE TABLE truncate_a (id int PRIMARY KEY);
CREATE TABLE truncate_b (id int PRIMARY KEY REFERENCES truncate_a);
CREATE TABLE truncate_no_key (v int);
INSERT INTO truncate_a VALUES (1);
INSERT INTO truncate_b VALUES (1);
BEGIN;
TRUNCATE truncate_a CASCADE;
INSERT INTO truncate_a VALUES (2);
COMMIT;
TRUNCATE truncate_no_key RESTART IDENTITY;
CREATE TABLE truncate_root (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE truncate_low PARTITION OF truncate_root FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id);
CREATE TABLE truncate_lowest PARTITION OF truncate_low FOR VALUES FROM (0) TO (5);
CREATE TABLE truncate_high PARTITION OF truncate_root FOR VALUES FROM (10) TO (20);
TRUNCATE truncate_root;
TRUNCATE truncate_high;
TRUNCATE truncate_low, truncate_high;
TRUNCATE truncate_low, truncate_root;
SELECT * FROM lines();
TRUNCATE truncate_a, truncate_b, truncate_high;
SELECT * FROM rows('tables', 'truncate_b');
