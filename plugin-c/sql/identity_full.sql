\pset format unaligned
\pset tuples_only on
-- Whole old rows are logged: with a primary key only its columns are told, without one all.
SELECT skip();
CREATE TABLE full_key (id int PRIMARY KEY, v text, big text);
ALTER TABLE full_key REPLICA IDENTITY FULL;
ALTER TABLE full_key ALTER big SET STORAGE EXTERNAL;
INSERT INTO full_key VALUES (1, 'a', repeat('x', 3000));
UPDATE full_key SET v = 'b';
UPDATE full_key SET id = 2;
DELETE FROM full_key;
CREATE TABLE full_bare (v text, w int, big text);
ALTER TABLE full_bare REPLICA IDENTITY FULL;
ALTER TABLE full_bare ALTER big SET STORAGE EXTERNAL;
INSERT INTO full_bare VALUES ('a', NULL, repeat('x', 3000)), ('a', NULL, NULL), ('a', NULL, NULL);
UPDATE full_bare SET w = 1 WHERE big IS NOT NULL;
DELETE FROM full_bare WHERE ctid IN (SELECT ctid FROM full_bare WHERE big IS NULL LIMIT 1);
SELECT replace(line, repeat('x', 3000), '3000 x') FROM lines() AS line;
-- The key is the same value, once compressed and once not.
CREATE TABLE full_long (id text PRIMARY KEY, v int);
ALTER TABLE full_long REPLICA IDENTITY FULL;
INSERT INTO full_long VALUES (repeat('k', 2500), 1);
UPDATE full_long SET v = 2;
SELECT replace(line, repeat('k', 2500), '2500 k') FROM rows() AS line;
