\pset format unaligned
\pset tuples_only on
-- Another table of the same name, in one transaction: the oids tell which.
CREATE TABLE again (id int PRIMARY KEY, v text);
INSERT INTO again VALUES (1, 'old');
SELECT skip();
CREATE TABLE oids (n int, old oid);
INSERT INTO oids VALUES (1, 'again'::regclass);
SELECT skip();
BEGIN;
UPDATE again SET v = 'older';
DROP TABLE again;
CREATE TABLE again (id int PRIMARY KEY);
INSERT INTO again VALUES (2);
COMMIT;
SELECT regexp_replace(line, E'\t_xid\t[0-9]+', E'\t_xid\tX') FROM (SELECT regexp_replace(regexp_replace(line, E'_oid\t' || old::text || E'(\t|$)', E'_oid\told\\1'), E'_oid\t' || 'again'::regclass::oid::text, E'_oid\tnew') AS line
	FROM oids, pg_logical_slot_get_changes('regress', NULL, NULL), regexp_split_to_table(data, E'\n') AS line) AS named WHERE line ~ '_table';
-- Twice, without a row.
BEGIN;
DROP TABLE again;
CREATE TABLE again (id int PRIMARY KEY, w int);
DROP TABLE again;
CREATE TABLE again (id int PRIMARY KEY, x int);
COMMIT;
SELECT * FROM lines();
DROP TABLE again, oids;
