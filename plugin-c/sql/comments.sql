\pset format unaligned
\pset tuples_only on
-- A comment touches nothing but itself: a message makes the plugin look, or the next change of the table.
CREATE TABLE commented (id int PRIMARY KEY, _v text);
CREATE FUNCTION look(relation regclass) RETURNS void LANGUAGE sql AS $$
	SELECT pg_logical_emit_message(true, 'deltastream', 'look ' || relation::oid)
$$;
SELECT skip();
COMMENT ON TABLE commented IS E'the\ttable\n';
SELECT * FROM lines();
BEGIN;
COMMENT ON COLUMN commented._v IS 'the value';
SELECT look('commented');
COMMIT;
COMMENT ON COLUMN commented.id IS '';
ALTER TABLE commented ADD COLUMN w int;
SELECT look('commented');
SELECT * FROM lines();
-- What a session hears first is told, none too.
COMMENT ON TABLE commented IS NULL;
COMMENT ON COLUMN commented._v IS NULL;
SELECT look('commented');
COMMENT ON COLUMN commented.w IS 'gone with it';
SELECT look('commented');
ALTER TABLE commented DROP COLUMN w;
SELECT * FROM lines();
-- Of an index, a constraint, a type: nothing.
COMMENT ON INDEX commented_pkey IS 'an index';
COMMENT ON CONSTRAINT commented_pkey ON commented IS 'a constraint';
SELECT * FROM lines();
-- A type's new name is in no relation's invalidations either.
CREATE TYPE commented_type AS ENUM ('a');
CREATE TABLE commented_typed (id int PRIMARY KEY, t commented_type);
SELECT skip();
ALTER TYPE commented_type RENAME TO commented_kind;
SELECT look('commented_typed');
SELECT * FROM lines();
DROP TABLE commented, commented_typed;
DROP TYPE commented_kind;
