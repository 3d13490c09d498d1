\pset format unaligned
\pset tuples_only on
-- Transactions that touch no followed table write nothing, and the slot passes them.
SELECT skip();
CREATE TABLE unfollowed (id int PRIMARY KEY);
CREATE TABLE followed (id int PRIMARY KEY);
SELECT confirmed_flush_lsn AS before FROM pg_replication_slots WHERE slot_name = 'regress' \gset
INSERT INTO unfollowed SELECT generate_series(1, 1000);
TRUNCATE unfollowed;
ANALYZE unfollowed;
SELECT pg_logical_emit_message(true, 'unasked', 'x') IS NOT NULL;
SELECT pg_logical_emit_message(false, 'unasked', 'x') IS NOT NULL;
SELECT * FROM lines('tables', 'followed');
SELECT confirmed_flush_lsn > :'before' FROM pg_replication_slots WHERE slot_name = 'regress';
BEGIN;
INSERT INTO unfollowed VALUES (1);
INSERT INTO followed VALUES (1);
INSERT INTO unfollowed VALUES (2);
COMMIT;
SELECT * FROM lines('tables', 'followed');
