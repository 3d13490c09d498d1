\pset format unaligned
\pset tuples_only on
-- What differs from run to run becomes a letter: xid, LSN, time, oid.
CREATE FUNCTION lines(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text
LANGUAGE sql VOLATILE AS $$
	SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(line,
		E'(^|\t)_xid\t[0-9]+', E'\\1_xid\tX'),
		E'\t_lsn\t[0-9A-F]+/[0-9A-F]+', E'\t_lsn\tL'),
		E'\t_ts\t[0-9]+', E'\t_ts\tT'),
		E'\t_oid\t[0-9]+', E'\t_oid\tO'),
		E'(?<=(?:_reload|_offer)\t[0-9,]*)[0-9]+', 'O', 'g')
	FROM pg_logical_slot_get_changes('regress', NULL, NULL, VARIADIC options) WITH ORDINALITY AS sent(lsn, xid, data, n),
		regexp_split_to_table(sent.data, E'\n') WITH ORDINALITY AS split(line, m)
	ORDER BY n, m
$$;

-- Without what is said of schemas, where that is not the point.
CREATE FUNCTION rows(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text
LANGUAGE sql VOLATILE AS $$
	WITH said AS (
		SELECT n, regexp_replace(line, E'\t_schemas\t[0-9]+', '') AS line FROM lines(VARIADIC options) WITH ORDINALITY AS told(line, n)
		WHERE line !~ E'\t_action\t(schema|create|drop|indexes|comments)\t'),
	beside AS (SELECT *, lag(line) OVER (ORDER BY n) AS before, lead(line) OVER (ORDER BY n) AS after FROM said)
	SELECT line FROM beside
	WHERE NOT (line ~ E'^_action\tbegin' AND after ~ E'^_action\tcommit\t.*\t_rows\t0$')
		AND NOT (line ~ E'^_action\tcommit\t.*\t_rows\t0$' AND before ~ E'^_action\tbegin')
	ORDER BY n
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
BEGIN;
CREATE TABLE clock (id int PRIMARY KEY);
INSERT INTO clock VALUES (1);
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
SELECT split_part(data, E'\t', 4) = :'xid' AS xid,
	abs(extract(epoch FROM now()) - split_part(split_part(data, E'\t', 8), E'\n', 1)::numeric / 1000000) < 60 AS time,
	split_part(data, E'\t', 6)::pg_lsn < split_part(split_part(data, E'_action\tcommit', 2), E'\t', 5)::pg_lsn AS begin_before_commit,
	lsn = split_part(split_part(data, E'_action\tcommit', 2), E'\t', 5)::pg_lsn AS commit_is_end,
	split_part(split_part(data, E'_oid\t', 2), E'\t', 1) = 'clock'::regclass::oid::text AS oid
FROM pg_logical_slot_get_changes('regress', NULL, NULL);
