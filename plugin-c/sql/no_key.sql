\pset format unaligned
\pset tuples_only on
-- No primary key: quarantine for this table, the others go on; the cure cures.
SELECT skip();
CREATE SCHEMA "Sales";
CREATE TABLE "Sales"."No key" (v text);
CREATE TABLE beside (id int PRIMARY KEY);
INSERT INTO "Sales"."No key" VALUES ('a'), ('b');
BEGIN;
UPDATE "Sales"."No key" SET v = 'c' WHERE v = 'a';
INSERT INTO beside VALUES (1);
COMMIT;
ALTER TABLE "Sales"."No key" REPLICA IDENTITY FULL;
UPDATE "Sales"."No key" SET v = 'd' WHERE v = 'b';
SELECT * FROM lines();
DROP SCHEMA "Sales" CASCADE;
