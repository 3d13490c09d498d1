\pset format unaligned
\pset tuples_only on
-- Messages with an asked prefix: in their transaction, or alone and at once.
SELECT skip();
CREATE TABLE messages (id int PRIMARY KEY);
SELECT pg_logical_emit_message(false, 'audit', E'alone\tand\\escaped\n') IS NOT NULL;
BEGIN;
SELECT pg_logical_emit_message(true, 'audit', 'first') IS NOT NULL;
INSERT INTO messages VALUES (1);
SELECT pg_logical_emit_message(true, 'audit', '') IS NOT NULL;
SELECT pg_logical_emit_message(true, 'Audit', 'another prefix') IS NOT NULL;
SELECT pg_logical_emit_message(true, 'with blank ', 'x') IS NOT NULL;
COMMIT;
BEGIN;
SELECT pg_logical_emit_message(true, 'audit', 'rolled back') IS NOT NULL;
SELECT pg_logical_emit_message(false, 'audit', 'not rolled back') IS NOT NULL;
ROLLBACK;
SELECT pg_logical_emit_message(true, 'audit', '\x00ff'::bytea) IS NOT NULL;
SELECT pg_logical_emit_message(true, 'audit', '\x610062'::bytea) IS NOT NULL;
SELECT pg_logical_emit_message(true, 'audit', 'ü'::text) IS NOT NULL;
CREATE FUNCTION peek(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
	SELECT regexp_replace(data, '(_xid|_lsn|_ts)(\t)[0-9A-F/]+', '\1\2X', 'g') FROM pg_logical_slot_peek_changes('regress', NULL, NULL, VARIADIC options)
$$;
SELECT peek('messages', 'audit,with blank ', 'tables', 'nobody');
SELECT peek('messages', 'nobody', 'tables', 'nobody');
SELECT * FROM rows();
DROP FUNCTION peek;
