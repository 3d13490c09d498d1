\pset format unaligned
\pset tuples_only on
-- Values out of line: whole when written, absent when untouched, also as key.
SELECT skip();
-- Runs of one letter as their length: 5000 x a.
CREATE FUNCTION short(line text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	times int;
	letter text;
BEGIN
	FOREACH times IN ARRAY '{100000, 9000, 5000, 2200}'::int[] LOOP
		FOREACH letter IN ARRAY '{a, b, c, k, l, w, A, B}'::text[] LOOP
			line := replace(line, repeat(letter, times), times || ' x ' || letter);
		END LOOP;
	END LOOP;
	RETURN line;
END $$;
CREATE TABLE toast (id int PRIMARY KEY, a text, b text);
ALTER TABLE toast ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
INSERT INTO toast VALUES (1, repeat('a', 5000), repeat('b', 5000));
UPDATE toast SET id = 2;
UPDATE toast SET a = repeat('A', 5000);
UPDATE toast SET a = 'short', b = repeat('B', 9000);
DELETE FROM toast;
SELECT short(line) FROM rows() AS line;
-- A key that is out of line.
CREATE TABLE toast_key (k text PRIMARY KEY, n int, v int);
ALTER TABLE toast_key ALTER k SET STORAGE EXTERNAL;
INSERT INTO toast_key VALUES (repeat('k', 2200), 1, 1);
UPDATE toast_key SET v = 2;
UPDATE toast_key SET k = repeat('l', 2200);
DELETE FROM toast_key;
CREATE TABLE toast_keys (k text, n int, v int, PRIMARY KEY (k, n));
ALTER TABLE toast_keys ALTER k SET STORAGE EXTERNAL;
INSERT INTO toast_keys VALUES (repeat('k', 2200), 1, 1);
UPDATE toast_keys SET n = 2;
DELETE FROM toast_keys;
SELECT short(line) FROM rows() AS line;
-- Compressed, and inside an array and a composite.
CREATE TYPE wrapped AS (v text);
CREATE TABLE toast_inside (id int PRIMARY KEY, c text, a text[], w wrapped);
INSERT INTO toast_inside VALUES (1, repeat('c', 100000), ARRAY[repeat('a', 100000)], ROW(repeat('w', 100000)));
UPDATE toast_inside SET id = 2;
SELECT short(line) FROM rows() AS line;
DROP FUNCTION short;
