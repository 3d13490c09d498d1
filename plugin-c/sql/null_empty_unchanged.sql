\pset format unaligned
\pset tuples_only on
-- NULL, the empty string and "unchanged" are three things.
SELECT skip();
CREATE TABLE three (id int PRIMARY KEY, a text, b text, big text);
ALTER TABLE three ALTER big SET STORAGE EXTERNAL;
INSERT INTO three VALUES (1, NULL, '', repeat('x', 3000));
UPDATE three SET a = '', b = NULL;
UPDATE three SET big = NULL;
UPDATE three SET big = '';
INSERT INTO three VALUES (2, '\N', '\', 'N');
DELETE FROM three WHERE id = 1;
SELECT replace(line, repeat('x', 3000), '3000 x') FROM lines() AS line;
