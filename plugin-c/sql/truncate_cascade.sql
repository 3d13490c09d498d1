\pset format unaligned
\pset tuples_only on
-- Every table that a truncate reached is named, those that it reached by CASCADE too, each once.
SELECT skip();
CREATE TABLE tc_a (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY);
CREATE TABLE tc_b (id int PRIMARY KEY REFERENCES tc_a);
CREATE TABLE tc_c (id int PRIMARY KEY REFERENCES tc_b);
CREATE TABLE tc_d (id int PRIMARY KEY);
CREATE UNLOGGED TABLE tc_u (id int PRIMARY KEY);
INSERT INTO tc_a DEFAULT VALUES;
BEGIN;
TRUNCATE tc_a, tc_d, tc_u RESTART IDENTITY CASCADE;
INSERT INTO tc_a DEFAULT VALUES;
SAVEPOINT a;
TRUNCATE tc_d;
ROLLBACK TO a;
COMMIT;
SELECT * FROM rows();
TRUNCATE tc_a CASCADE;
SELECT * FROM rows('tables', 'tc_c');
