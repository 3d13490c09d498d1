\pset format unaligned
\pset tuples_only on
-- A value has one text, whatever the session's settings; they are as before when the call is over.
SELECT skip();
CREATE TABLE settings (id int PRIMARY KEY, d date, ts timestamptz, i interval, f float8, b bytea, m money, x xml, c regclass);
INSERT INTO settings VALUES (1, '2026-02-01', '2026-02-01 12:00+00', '1 day -02:03:04', 0.1::float8 + 0.2, '\x00ff', 1234.5, '<a/>', 'settings');
SET DateStyle = 'German, DMY';
SET IntervalStyle = 'iso_8601';
SET TimeZone = 'Asia/Kathmandu';
SET extra_float_digits = -15;
SET bytea_output = 'escape';
SET quote_all_identifiers = on;
SET xmlbinary = 'hex';
SELECT d, ts, i, f, b FROM settings;
SELECT * FROM rows();
SELECT d, ts, i, f, b FROM settings;
-- Inside a transaction, a function, and when the call fails.
BEGIN;
SELECT count(*) FROM pg_logical_slot_peek_changes('regress', NULL, NULL);
SAVEPOINT a;
SELECT * FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'nonsense', 'x');
ROLLBACK TO a;
SELECT d, ts, i, f, b FROM settings;
SET LOCAL TimeZone = 'America/New_York';
INSERT INTO settings (id, ts) VALUES (2, '2026-02-01 12:00+00');
SELECT count(*) FROM pg_logical_slot_get_changes('regress', NULL, NULL) a, pg_logical_slot_peek_changes('regress', NULL, NULL) b;
SELECT ts, f FROM settings;
COMMIT;
SELECT * FROM rows();
SELECT d, ts, i, f, b FROM settings;
DO $$
BEGIN
	PERFORM 1 / count(*) FROM pg_logical_slot_peek_changes('regress', NULL, NULL);
EXCEPTION WHEN division_by_zero THEN
	RAISE NOTICE '% % %', current_setting('DateStyle'), current_setting('TimeZone'), current_setting('search_path');
END $$;
