\pset format unaligned
\pset tuples_only on
-- Backslash, tab, LF and CR are escaped wherever they stand; nothing else is.
SELECT skip();
CREATE TABLE escapes (id int PRIMARY KEY, v text);
INSERT INTO escapes VALUES
	(1, E'\\'), (2, E'\t'), (3, E'\n'), (4, E'\r'), (5, E'\r\n'),
	(6, E'1234567\t'), (7, E'12345678\t'), (8, E'\t12345678'), (9, E'123456789012345\\'),
	(10, E'\x01\x08\x0b\x0c\x0f\x10'), (11, 'ü € 😀'), (12, E'a\\tb'), (13, E'\\N'), (14, ' '),
	(15, E'\x7f\u0080\u00dc\u055c');
SELECT * FROM rows();

-- Every length around the word size and every byte around a word.
CREATE TABLE words (id int PRIMARY KEY, v text);
INSERT INTO words SELECT n, repeat('a', n % 19) || chr(1 + n / 19) || repeat('b', n % 7) FROM generate_series(0, 19 * 127 - 1) n;
SELECT count(*) AS rows, count(*) FILTER (WHERE w.v IS DISTINCT FROM
	replace(replace(replace(replace(replace(substr(line, strpos(line, E'\tv\t') + 3),
		'\\', E'\x02\x03'), '\t', E'\t'), '\n', E'\n'), '\r', E'\r'), E'\x02\x03', '\')) AS wrong
FROM rows() AS line JOIN words w ON w.id = substring(line FROM E'\tid\t([0-9]+)\t')::int
WHERE line ~ E'^_table\twords\t';
-- Longer than the piece that is escaped at once.
INSERT INTO escapes VALUES (100, repeat(E'1234567\t', 10000));
SELECT length(line), right(line, 90000) = repeat('1234567\t', 10000) AS whole FROM rows() AS line WHERE line LIKE E'%\t100\t%';
