\pset format unaligned
\pset tuples_only on
-- What was rolled back is not there; the rest has the transaction's one xid and its order.
SELECT skip();
CREATE TABLE saved (id int PRIMARY KEY, v text);
BEGIN;
INSERT INTO saved VALUES (1, 'kept');
SAVEPOINT a;
INSERT INTO saved VALUES (2, 'rolled back');
UPDATE saved SET v = 'rolled back';
ROLLBACK TO a;
INSERT INTO saved VALUES (2, 'kept');
SAVEPOINT b;
UPDATE saved SET id = id + 10;
RELEASE b;
COMMIT;
BEGIN;
INSERT INTO saved VALUES (3, 'rolled back');
ROLLBACK;
SELECT count(DISTINCT substring(line FROM E'\t_xid\t([0-9]+)')) AS xids
FROM pg_logical_slot_peek_changes('regress', NULL, NULL), regexp_split_to_table(data, E'\n') AS line WHERE line ~ E'\t_action\tinsert\t';
SELECT * FROM rows();
