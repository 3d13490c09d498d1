\pset format unaligned
\pset tuples_only on
-- A row that cannot be printed is named; its table is left out for that transaction, all else goes on.
CREATE TYPE vanishing AS ENUM ('here', 'gone');
CREATE TABLE values_of_vanishing AS SELECT unnest('{here,gone}'::vanishing[]) AS v;
DELETE FROM pg_enum WHERE enumtypid = 'vanishing'::regtype AND enumlabel = 'gone';
CREATE TABLE unprintable (id int PRIMARY KEY, v vanishing, w text);
CREATE TABLE printable (id int PRIMARY KEY);
SELECT skip();
BEGIN;
INSERT INTO printable VALUES (1);
INSERT INTO unprintable VALUES (1, 'here', 'before');
INSERT INTO unprintable SELECT 2, v, 'the row' FROM values_of_vanishing OFFSET 1;
INSERT INTO unprintable VALUES (3, 'here', 'after');
INSERT INTO unprintable SELECT 4, v, 'again' FROM values_of_vanishing OFFSET 1;
INSERT INTO printable VALUES (2);
COMMIT;
INSERT INTO unprintable VALUES (5, 'here', 'next transaction');
-- Both lines of a replace and its update go, though the first could be written.
ALTER TABLE unprintable REPLICA IDENTITY FULL;
ALTER TABLE unprintable DROP CONSTRAINT unprintable_pkey;
BEGIN;
UPDATE unprintable SET v = (SELECT v FROM values_of_vanishing OFFSET 1) WHERE id = 1;
INSERT INTO printable VALUES (3);
COMMIT;
-- The whole table in one transaction: one line.
BEGIN;
INSERT INTO unprintable SELECT n, v FROM values_of_vanishing, generate_series(1, 1000) n;
COMMIT;
SELECT regexp_replace(line, 'enum: [0-9]+', 'enum: O') FROM lines() AS line;
-- Not even the schema line can be written: the value of old rows is the one that is gone.
CREATE TYPE vanishing_too AS ENUM ('gone');
ALTER TABLE printable ADD COLUMN v vanishing_too DEFAULT 'gone';
DELETE FROM pg_enum WHERE enumtypid = 'vanishing_too'::regtype;
BEGIN;
INSERT INTO printable VALUES (10, NULL);
INSERT INTO printable VALUES (11, NULL);
COMMIT;
ALTER TABLE printable DROP COLUMN v;
INSERT INTO printable VALUES (12);
SELECT regexp_replace(line, 'enum: [0-9]+', 'enum: O') FROM lines() AS line;
