\pset format unaligned
\pset tuples_only on
-- A deferrable key is none, not even under FULL.
SELECT skip();
CREATE TABLE deferred_key (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text);
INSERT INTO deferred_key VALUES (1, 'a'), (2, 'b');
BEGIN;
UPDATE deferred_key SET id = 2 WHERE v = 'a';
UPDATE deferred_key SET id = 1 WHERE v = 'b';
COMMIT;
ALTER TABLE deferred_key REPLICA IDENTITY FULL;
UPDATE deferred_key SET id = 3 - id;
DELETE FROM deferred_key WHERE v = 'a';
SELECT * FROM lines();
