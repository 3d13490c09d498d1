\pset format unaligned
\pset tuples_only on
-- Once before a relation's first change in a session, not before.
SELECT skip();
CREATE TABLE shape_a (id int PRIMARY KEY, v varchar(3) NOT NULL DEFAULT 'x');
CREATE TABLE shape_b (id int, a int UNIQUE, "_c" text[] NOT NULL);
CREATE TABLE shape_unused (id int PRIMARY KEY);
INSERT INTO shape_a VALUES (1);
BEGIN;
INSERT INTO shape_b VALUES (1, 1, '{}');
INSERT INTO shape_a VALUES (2);
INSERT INTO shape_b VALUES (2, 2, '{}');
COMMIT;
SELECT * FROM lines();
INSERT INTO shape_a VALUES (3);
SELECT * FROM lines();
