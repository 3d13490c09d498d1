\pset format unaligned
\pset tuples_only on
-- A slot that nobody reads keeps WAL for ever.
SELECT pg_drop_replication_slot('regress');
