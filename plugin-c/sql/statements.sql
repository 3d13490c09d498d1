\pset format unaligned
\pset tuples_only on
-- Whatever statement writes a row, the log has the rows.
SELECT skip();
CREATE TABLE stock (id int PRIMARY KEY, n int, v text);
CREATE TABLE sold (id int PRIMARY KEY, n int);
INSERT INTO stock VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c');
INSERT INTO stock VALUES (1, 10, 'x'), (4, 4, 'd') ON CONFLICT (id) DO UPDATE SET n = excluded.n;
INSERT INTO stock VALUES (1, 11, 'y'), (5, 5, 'e') ON CONFLICT DO NOTHING;
INSERT INTO stock VALUES (1, 11, 'y') ON CONFLICT DO NOTHING;
COPY stock FROM stdin;
6	6	\N
7	7	t\\t
\.
INSERT INTO sold VALUES (1, 100), (2, 200);
UPDATE stock SET n = sold.n FROM sold WHERE sold.id = stock.id;
WITH gone AS (DELETE FROM stock WHERE id > 5 RETURNING id, n),
	kept AS (UPDATE stock SET v = upper(v) WHERE id = 3 RETURNING id)
INSERT INTO sold SELECT id, n FROM gone;
SELECT current_setting('server_version_num')::int >= 150000 AS has_merge \gset
\if :has_merge
MERGE INTO stock USING (VALUES (1, 0), (2, 7), (8, 8)) AS given(id, n) ON stock.id = given.id
WHEN MATCHED AND given.n = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET n = given.n
WHEN NOT MATCHED THEN INSERT VALUES (given.id, given.n, 'm');
\else
BEGIN;
DELETE FROM stock WHERE id = 1;
UPDATE stock SET n = 7 WHERE id = 2;
INSERT INTO stock VALUES (8, 8, 'm');
COMMIT;
\endif
SELECT * FROM rows();
-- Children of an inherited table each go by their own name; stored generated columns are values like others.
CREATE TABLE parent (id int PRIMARY KEY, v int);
CREATE TABLE child (twice int GENERATED ALWAYS AS (v * 2) STORED, PRIMARY KEY (id)) INHERITS (parent);
INSERT INTO parent VALUES (1, 1);
INSERT INTO child VALUES (2, 2);
UPDATE parent SET v = v + 1;
DELETE FROM parent;
TRUNCATE ONLY parent;
TRUNCATE parent;
SELECT * FROM lines();
