\pset format unaligned
\pset tuples_only on
-- Savepoints 80 deep: what an inner or an outer rollback took is not there, the rest in its order.
SELECT skip();
CREATE TABLE deep (id int PRIMARY KEY, v int);
BEGIN;
SELECT format('SAVEPOINT s%s', n), format('INSERT INTO deep VALUES (%s, 0)', n) FROM generate_series(1, 80) n \gexec
-- The innermost alone, then 71 to 79 at once.
ROLLBACK TO s80;
ROLLBACK TO s71;
INSERT INTO deep VALUES (100, 0);
SELECT format('RELEASE s%s', n) FROM generate_series(71, 61, -1) n \gexec
SAVEPOINT again;
UPDATE deep SET v = 1;
-- From the middle out: 100 and 41 to 70 go with it.
ROLLBACK TO s41;
SELECT format('SAVEPOINT r%s', n), format('UPDATE deep SET v = %s WHERE id = 1', n), CASE WHEN n % 2 = 0 THEN format('ROLLBACK TO r%s', n) ELSE format('RELEASE r%s', n) END
FROM generate_series(1, 80) n \gexec
ROLLBACK TO r50;
INSERT INTO deep VALUES (101, 0);
COMMIT;
SELECT * FROM rows();
SELECT * FROM deep ORDER BY id;
