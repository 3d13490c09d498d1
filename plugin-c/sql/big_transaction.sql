\pset format unaligned
\pset tuples_only on
-- Larger than the memory for decoding and than many batches: whole, in order, the count right.
SELECT skip();
CREATE TABLE big (id int PRIMARY KEY, v text);
SET logical_decoding_work_mem = '64kB';
BEGIN;
INSERT INTO big SELECT n, repeat('v', n % 100) FROM generate_series(1, 20000) n;
UPDATE big SET v = NULL WHERE id % 2 = 0;
DELETE FROM big WHERE id % 3 = 0;
COMMIT;
SELECT count(*) > 50 AS messages, bool_and(length(data) < 34000) AS bounded, bool_and(length(data) > 32000) FILTER (WHERE n < last) AS filled,
	bool_or(data LIKE E'%\n') AS ends_in_lf, max(length(data)) FILTER (WHERE n = last) > 0 AS rest
FROM (SELECT data, n, max(n) OVER () AS last FROM pg_logical_slot_peek_changes('regress', NULL, NULL) WITH ORDINALITY AS sent(lsn, xid, data, n)) AS sent;
SELECT substring(line FROM E'_action\t([a-z]+)') AS action, count(*) FROM rows() AS line GROUP BY 1 ORDER BY 1;
INSERT INTO big VALUES (0, repeat('long', 100000));
SELECT length(line) FROM rows() AS line;
