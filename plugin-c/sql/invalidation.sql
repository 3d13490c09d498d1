\pset format unaligned
\pset tuples_only on
-- Within one session: what a plan has named is heard of, what no plan has named changes nothing.
SELECT skip();
CREATE SCHEMA heard;
CREATE SCHEMA heard_types;
CREATE TYPE heard_types.mood AS ENUM ('calm');
CREATE DOMAIN heard_types.moods AS heard_types.mood[];
CREATE DOMAIN heard_types.outer_moods AS heard_types.moods;
CREATE TABLE heard.t (id int PRIMARY KEY, m heard_types.outer_moods);
CREATE TABLE heard.root (id int PRIMARY KEY, m heard_types.mood) PARTITION BY RANGE (id);
CREATE TABLE heard.middle PARTITION OF heard.root FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
CREATE TABLE heard.leaf PARTITION OF heard.middle FOR VALUES FROM (0) TO (50);
CREATE FUNCTION change(n int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO heard.t VALUES (n, '{calm}');
	INSERT INTO heard.root VALUES (n, 'calm')
$$;
SELECT change(1);
-- Nothing that was named: no schema line again.
CREATE TEMP TABLE passing (id int PRIMARY KEY, m heard_types.mood);
CREATE TYPE heard_types.unheard AS ENUM ('calm');
ALTER TYPE heard_types.unheard RENAME TO unheard_of;
CREATE SCHEMA unheard;
ALTER SCHEMA unheard RENAME TO unheard_of;
SELECT change(2);
-- The type under domain, array and domain; its schema; the schema of the table.
ALTER TYPE heard_types.mood RENAME TO temper;
INSERT INTO heard.t VALUES (3, '{calm}');
INSERT INTO heard.root VALUES (3, 'calm');
ALTER SCHEMA heard_types RENAME TO known_types;
INSERT INTO heard.t VALUES (4, '{calm}');
INSERT INTO heard.root VALUES (4, 'calm');
ALTER SCHEMA heard RENAME TO known;
INSERT INTO known.t VALUES (5, '{calm}');
INSERT INTO known.root VALUES (5, 'calm');
-- What is between root and leaf, once it is above the leaf and once it is not.
ALTER TABLE known.root DETACH PARTITION known.middle;
INSERT INTO known.leaf VALUES (6, 'calm');
ALTER TABLE known.middle RENAME TO centre;
INSERT INTO known.leaf VALUES (7, 'calm');
-- A table of the same name is another one, and one that is gone leaves nothing behind.
DROP TABLE known.t;
CREATE TABLE known.t (id int PRIMARY KEY);
INSERT INTO known.t VALUES (8);
-- Two tables that swap a name, and swap it back: each says anew that it is its own.
CREATE TABLE known.other (id int PRIMARY KEY);
ALTER TABLE known.t RENAME TO away;
ALTER TABLE known.other RENAME TO t;
INSERT INTO known.t VALUES (9);
ALTER TABLE known.t RENAME TO other;
ALTER TABLE known.away RENAME TO t;
INSERT INTO known.t VALUES (10);
SELECT * FROM lines();
DROP FUNCTION change;
