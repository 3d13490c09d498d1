\pset format unaligned
\pset tuples_only on
-- look, stale, reload and offer, for tables that are followed; anything else is no command.
CREATE TABLE asked (id int PRIMARY KEY, v text);
CREATE INDEX asked_v ON asked (v);
CREATE TABLE asked_root (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE asked_leaf PARTITION OF asked_root FOR VALUES FROM (0) TO (10);
CREATE VIEW asked_view AS SELECT 1 AS one;
CREATE FUNCTION ask(command text, VARIADIC relations regclass[]) RETURNS void LANGUAGE sql AS $$
	SELECT pg_logical_emit_message(true, 'deltastream', command || ' ' || array_to_string(relations::oid[], ' '))
$$;
SELECT skip();
SELECT ask('reload', 'asked');
SELECT ask('offer', 'asked', 'asked_root');
SELECT ask('stale', 'asked');
SELECT ask('look', 'asked');
SELECT ask('look', 'asked');
SELECT * FROM lines();
-- A partition's root, an index's table; twice is once; what counts for more.
BEGIN;
SELECT ask('reload', 'asked_leaf', 'asked_root', 'asked_leaf');
SELECT ask('offer', 'asked_v', 'asked_leaf');
INSERT INTO asked VALUES (1, 'a');
SELECT ask('stale', 'asked_v');
SELECT ask('reload', 'asked');
COMMIT;
SELECT * FROM lines();
SELECT ask('reload', 'asked_leaf', 'asked_root');
SELECT * FROM lines('partitions', 'leaf');
-- Of a table that is made, and of one that is dropped, in the transaction.
BEGIN;
CREATE TABLE asked_made (id int PRIMARY KEY);
SELECT ask('look', 'asked_made');
SELECT ask('reload', 'asked_made');
COMMIT;
BEGIN;
SELECT ask('reload', 'asked_made');
DROP TABLE asked_made;
COMMIT;
SELECT * FROM lines();
-- Undone; outside of a transaction; no command; nobody's.
BEGIN;
SELECT ask('reload', 'asked');
ROLLBACK;
SELECT pg_logical_emit_message(false, 'deltastream', 'reload ' || 'asked'::regclass::oid) IS NULL;
SELECT count(pg_logical_emit_message(true, 'deltastream', text)) FROM (VALUES (''), ('reload'), ('reload '), ('Reload 1'), ('reload  1'), ('reload 1 '), ('reload 1,2'),
	('reload -1'), ('reload 4294967296'), ('reload 99999999999999999999'), ('reload 0'), ('reload 1'), ('reload ' || 'asked'::regclass::oid || E'\n'), ('reloaded 1'), ('rel')) AS said (text);
SELECT ask('reload', 'asked_view', 'pg_class', 'asked_view');
SELECT pg_logical_emit_message(true, 'deltastream', convert_to('reload ', 'UTF8') || '\x00'::bytea) IS NULL;
SELECT * FROM lines();
SELECT ask('reload', 'asked', 'asked_root');
SELECT * FROM lines('tables', 'asked_root');
-- The message itself, where it was asked for; another prefix is no command.
SELECT pg_logical_emit_message(true, 'deltastream', 'reload none') IS NULL;
SELECT pg_logical_emit_message(true, 'deltastreams', 'reload ' || 'asked'::regclass::oid) IS NULL;
SELECT * FROM lines('messages', 'deltastream');
DROP TABLE asked, asked_root;
DROP VIEW asked_view;
