\pset format unaligned
\pset tuples_only on
-- Without an identity inserts flow, and the first update or delete of a transaction says so.
SELECT skip();
CREATE TABLE no_identity (id int PRIMARY KEY, v text);
ALTER TABLE no_identity REPLICA IDENTITY NOTHING;
INSERT INTO no_identity VALUES (1, 'a'), (2, 'b'), (3, 'c');
BEGIN;
UPDATE no_identity SET v = 'x';
INSERT INTO no_identity VALUES (4, 'd');
DELETE FROM no_identity WHERE id = 1;
COMMIT;
DELETE FROM no_identity;
SELECT * FROM lines();
