\pset format unaligned
\pset tuples_only on
-- What the command said besides is on each of its lines.
CREATE TABLE emptied (id serial PRIMARY KEY);
CREATE TABLE emptied_too (id int REFERENCES emptied);
SELECT skip();
TRUNCATE emptied_too;
TRUNCATE emptied_too CASCADE;
TRUNCATE emptied_too RESTART IDENTITY;
TRUNCATE emptied, emptied_too RESTART IDENTITY CASCADE;
SELECT * FROM rows();
DROP TABLE emptied, emptied_too;
