\pset format unaligned
\pset tuples_only on
-- A key change beside an untouched value out of line: absent, unless the old row in the WAL holds it.
SELECT skip();
CREATE FUNCTION short(line text) RETURNS text LANGUAGE sql AS $$
	SELECT replace(replace(line, repeat('a', 5000), '5000 x a'), repeat('k', 2200), '2200 x k')
$$;
CREATE TABLE tk_default (id int PRIMARY KEY, code text NOT NULL, big text);
ALTER TABLE tk_default ALTER big SET STORAGE EXTERNAL, ALTER code SET STORAGE EXTERNAL;
CREATE TABLE tk_index (LIKE tk_default INCLUDING ALL);
CREATE UNIQUE INDEX tk_index_code ON tk_index (code, id);
ALTER TABLE tk_index REPLICA IDENTITY USING INDEX tk_index_code;
CREATE TABLE tk_full (LIKE tk_default INCLUDING ALL);
ALTER TABLE tk_full REPLICA IDENTITY FULL;
CREATE TABLE tk_bare (LIKE tk_default INCLUDING STORAGE);
ALTER TABLE tk_bare REPLICA IDENTITY FULL;
SELECT format('INSERT INTO %s VALUES (1, repeat(''k'', 2200), repeat(''a'', 5000))', t), format('UPDATE %s SET id = 2', t),
	format('UPDATE %s SET code = ''short''', t), format('UPDATE %s SET big = NULL', t), format('DELETE FROM %s', t)
FROM unnest('{tk_default, tk_index, tk_full, tk_bare}'::text[]) t \gexec
SELECT short(line) FROM rows() AS line;
DROP FUNCTION short;
