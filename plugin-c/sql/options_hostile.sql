\pset format unaligned
\pset tuples_only on
-- Whoever may replicate may send any bytes: always a clean error that names the option.
CREATE FUNCTION refused(VARIADIC options text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	PERFORM count(*) FROM pg_logical_slot_peek_changes('regress', NULL, NULL, VARIADIC options);
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || left(SQLERRM, 100) || ' | ' || hint;
END $$;
SELECT refused('table', 'a');
SELECT refused('Tables', 'a');
SELECT refused('', 'a');
SELECT refused('tables', 'a', 'tables', 'a');
SELECT refused('messages', 'a', 'messages', 'a');
SELECT refused('partitions', 'leaf', 'partitions', 'leaf');
SELECT refused('tables', '');
SELECT refused('messages', '');
SELECT refused('tables', NULL);
SELECT coalesce(left(quote_literal(v), 20), 'NULL') || ': ' || refused('tables', v) FROM unnest(ARRAY[
	' ', ',', 'a,', ',a', 'a,,b', 'a b', 'a.', '.a', 'a..b', 'a.b.c', '.', '*.a', '**', 'a*', '*a', '1a', 'a-b', 'a;b', 'a''b',
	'"', '""', '"a', '"a""', 'a"', '"a"b', '"a".', '""."a"', '%s%n', '$1', E'a\\b', E'a\x01', 'a$1_', 'ünï', '😀.*',
	repeat('.', 10000), repeat('"', 10000), repeat('"', 10001), repeat('*', 10000), repeat(',', 10000), repeat('a', 63), repeat('a', 64),
	repeat('"', 64) || 'x"', repeat('a', 65536), repeat('a', 65537), '"' || repeat('ü', 32) || '"', repeat('a,', 999) || 'a', repeat('a,', 1000) || 'a',
	repeat('*.', 10000)]) v;
SELECT coalesce(left(quote_literal(v), 20), 'NULL') || ': ' || refused('messages', v) FROM unnest(ARRAY[
	',', 'a,', ',a', 'a,,b', ' ', 'a b', '"', repeat('a', 65536), repeat('a', 65537), repeat('a,', 999) || 'a', repeat('a,', 1000) || 'a']) v;
SELECT coalesce(left(quote_literal(v), 20), 'NULL') || ': ' || refused('partitions', v) FROM unnest(ARRAY[
	'leaf', 'root', '', 'Leaf', ' leaf', 'leaf ', 'leaves', 'root,leaf', repeat('leaf', 20000), NULL]) v;
DROP FUNCTION refused;
