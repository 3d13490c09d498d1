\pset format unaligned
\pset tuples_only on
-- The old key stands right before the update that changes it, and only there.
SELECT skip();
CREATE TABLE keys (a int, b text, c int, PRIMARY KEY (b, a));
INSERT INTO keys VALUES (1, 'x', 1), (2, 'y', 2);
UPDATE keys SET c = 10;
UPDATE keys SET a = 3 WHERE a = 1;
UPDATE keys SET a = a, b = b;
BEGIN; -- a swap through a third value
UPDATE keys SET b = 'tmp' WHERE b = 'x';
UPDATE keys SET b = 'x', a = 3 WHERE b = 'y';
UPDATE keys SET b = 'y', a = 2 WHERE b = 'tmp';
COMMIT;
UPDATE keys SET a = a + 1;
DELETE FROM keys WHERE b = 'x';
SELECT * FROM lines();
-- Equal for the index, other for the reader.
CREATE TABLE scale (n numeric PRIMARY KEY, v int);
INSERT INTO scale VALUES (1.0, 1);
UPDATE scale SET n = 1.00;
UPDATE scale SET n = 1.00;
SELECT * FROM rows();
