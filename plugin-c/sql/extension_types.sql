\pset format unaligned
\pset tuples_only on
-- Types of extensions print as they do in Postgres, alone and in arrays.
SELECT skip();
SET client_min_messages = warning;
CREATE SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION ltree SCHEMA ext;
CREATE EXTENSION cube SCHEMA ext;
CREATE EXTENSION isn SCHEMA ext;
CREATE EXTENSION intarray SCHEMA ext;
CREATE EXTENSION seg SCHEMA ext;
SET search_path = public, ext;
CREATE TABLE extended (c citext PRIMARY KEY, h hstore, l ltree, q lquery, cu cube, i isbn13, e ean13, n int[], s seg,
	ha hstore[], ca citext[], la ltree[], cua cube[], ia isbn13[], sa seg[]);
INSERT INTO extended VALUES ('Key', 'a=>1, "b c"=>NULL, d=>"x\"y"', 'Top.Science', '*.A|B*', '(1,2),(3,4.5)', '978-0-393-04002-9', '4006381333931', '{1,NULL,3}', '1.50 .. 2e3',
	ARRAY['a=>1'::hstore, NULL, ''], ARRAY['A', 'a b']::citext[], ARRAY['a.b', '']::ltree[], ARRAY['(1)', '(1,2)']::cube[], ARRAY['978-0-393-04002-9']::isbn13[], ARRAY['~1', '5 ..']::seg[]);
-- Equal for citext's index, other for a reader.
UPDATE extended SET c = 'KEY';
UPDATE extended SET h = h || 'z=>26', c = 'other';
DELETE FROM extended;
SELECT * FROM lines();
RESET search_path;
