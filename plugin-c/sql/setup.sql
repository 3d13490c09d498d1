\pset format unaligned
\pset tuples_only on
-- What differs from run to run becomes a letter: xid, LSN, time, oid.
CREATE FUNCTION lines(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text
LANGUAGE sql VOLATILE AS $$
	SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(line,
		E'(^|\t)_xid\t[0-9]+', E'\\1_xid\tX'),
		E'\t_lsn\t[0-9A-F]+/[0-9A-F]+', E'\t_lsn\tL'),
		E'\t_ts\t[0-9]+', E'\t_ts\tT'),
		E'\t_oid\t[0-9]+', E'\t_oid\tO')
	FROM pg_logical_slot_get_changes('regress', NULL, NULL, VARIADIC options) WITH ORDINALITY AS sent(lsn, xid, data, n),
		regexp_split_to_table(sent.data, E'\n') WITH ORDINALITY AS split(line, m)
	ORDER BY n, m
$$;

-- Without the schema lines, where they are not the point.
CREATE FUNCTION rows(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text
LANGUAGE sql VOLATILE AS $$
	SELECT line FROM lines(VARIADIC options) AS line WHERE line !~ E'\t_action\tschema\t'
$$;

-- Drops what the slot has not sent yet. A session in which an error was caught
-- holds the slot until its process is gone, which may be after psql is.
CREATE FUNCTION skip() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	WHILE EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = 'regress' AND active_pid <> pg_backend_pid()) LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
	PERFORM pg_replication_slot_advance('regress', pg_current_wal_lsn());
END $$;

SELECT pg_create_logical_replication_slot('regress', 'deltastream') IS NOT NULL;

-- The three numbers that the letters hide are right.
CREATE TABLE clock (id int PRIMARY KEY);
BEGIN;
INSERT INTO clock VALUES (1);
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
SELECT split_part(data, E'\t', 4) = :'xid' AS xid,
	abs(extract(epoch FROM now()) - split_part(split_part(data, E'\t', 8), E'\n', 1)::numeric / 1000000) < 60 AS time,
	split_part(data, E'\t', 6)::pg_lsn < split_part(split_part(data, E'_action\tcommit', 2), E'\t', 5)::pg_lsn AS begin_before_commit,
	lsn = split_part(split_part(data, E'_action\tcommit', 2), E'\t', 5)::pg_lsn AS commit_is_end,
	split_part(split_part(data, E'_oid\t', 2), E'\t', 1) = 'clock'::regclass::oid::text AS oid
FROM pg_logical_slot_get_changes('regress', NULL, NULL);
