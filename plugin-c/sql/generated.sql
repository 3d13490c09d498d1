\pset format unaligned
\pset tuples_only on
-- Stored generated columns are columns; identity columns too.
SELECT skip();
CREATE TABLE generated (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
INSERT INTO generated (a) VALUES (1), (NULL);
UPDATE generated SET a = 5 WHERE id = 1;
DELETE FROM generated WHERE id = 2;
SELECT * FROM lines();
