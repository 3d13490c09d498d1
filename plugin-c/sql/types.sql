\pset format unaligned
\pset tuples_only on
-- Postgres's own text, and the type below all domains.
SELECT skip();
CREATE SCHEMA kinds;
CREATE TYPE kinds.mood AS ENUM ('sad', 'so so');
CREATE TYPE kinds.pair AS (a int, b text);
CREATE DOMAIN kinds.cents AS numeric(10,2);
CREATE DOMAIN kinds.price AS kinds.cents CHECK (VALUE > 0);
CREATE DOMAIN kinds.prices AS kinds.price[];
CREATE DOMAIN kinds.row AS int[];
CREATE TABLE kinds.t (
	i2 int2, i4 int4, i8 int8 PRIMARY KEY, o oid, b bool, f4 float4, f8 float8, n numeric, n2 numeric(6,2), m money,
	t text, vc varchar(5), v varchar, c char(4), c1 char, bp bpchar, q "char", nm name, u uuid, x xml, j json, jb jsonb,
	by bytea, d date, ti time(3), ttz timetz, ts timestamp, tsz timestamptz(0), iv interval, ivy interval year to month,
	inet inet, mac macaddr, bits bit(3), vbits bit varying, pt point, r int4range, mr datemultirange, tsv tsvector,
	a int[], aa text[][], mood kinds.mood, moods kinds.mood[], pair kinds.pair, pairs kinds.pair[],
	price kinds.price, price_list kinds.price[], prices kinds.prices, vec int2vector, ovec oidvector, grid kinds.row[],
	cls regclass);
INSERT INTO kinds.t VALUES (
	-32768, -2147483648, -9223372036854775808, 4294967295, true, 'NaN', '-Infinity', 'NaN', 1.5, -1234.5,
	E'a\tb', 'abcde', '', 'ab', 'x', 'y  ', 'z', 'name', '00000000-0000-0000-0000-000000000001', '<a>1</a>', '{"a":  1}', '{"b": null, "a": [1,2]}',
	'\x00ff5c09', '4713-01-01 BC', '12:00:00.1234', '12:00:00+02', 'infinity', '2026-01-01 12:00:00.6+02', '1 year 2 mons 3 days 04:05:06.7', '14 months',
	'10.0.0.0/8', '08:00:2b:01:02:03', '101', '10', '(1.5,-2)', '[1,5)', '{[2026-01-01,2026-01-03)}', 'a:1 b:2',
	'{1,NULL,3}', '{{"a b",c},{NULL,"\\"}}', 'so so', '{sad,"so so"}', '(1,"a ""b""")', '{"(1,x)"}',
	5, '{1,2}', '{3}', '1 2 3', '1 2', ARRAY['{1,2}'::kinds.row, '{3}'::kinds.row],
	'kinds.t');
UPDATE kinds.t SET i2 = 32767, i4 = 2147483647, i8 = 9223372036854775807, b = false, f4 = 0.1, f8 = -0.0, n = 1e-10, a = '[2:3]={1,2}',
	d = 'infinity', ts = '2026-01-01 00:02:01.5', tsz = '0044-03-15 12:00:00 BC';
SELECT regexp_replace(line, E'\t(?=[^\t]+\t[0-9]+ (?:not)?null )', E'\n\t', 'g') FROM lines() AS line;
