\pset format unaligned
\pset tuples_only on
-- Names of any kind: ours get no meaning, theirs are escaped.
SELECT skip();
CREATE SCHEMA "Odd	schema";
CREATE TABLE "Odd	schema"."ta\ble" ("_id" int PRIMARY KEY, "a	b" int, "_schema" int, "x\y" int, "Upper" int, "ü" int, "__" int);
INSERT INTO "Odd	schema"."ta\ble" VALUES (1, 2, 3, 4, 5, 6, 7);
UPDATE "Odd	schema"."ta\ble" SET _id = 2;
UPDATE "Odd	schema"."ta\ble" SET "x\y" = NULL;
DELETE FROM "Odd	schema"."ta\ble";
CREATE TABLE "_table" ("_table" int PRIMARY KEY);
INSERT INTO _table VALUES (1);
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
SELECT * FROM lines();
DROP SCHEMA "Odd	schema" CASCADE;
DROP TABLE _table;
