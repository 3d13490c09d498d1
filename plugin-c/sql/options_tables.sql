\pset format unaligned
\pset tuples_only on
-- Patterns name tables the way SQL does.
SELECT skip();
CREATE SCHEMA option_a;
CREATE SCHEMA "Option B";
CREATE TABLE option_t (id int PRIMARY KEY);
CREATE TABLE "Option T" (id int PRIMARY KEY);
CREATE TABLE option_a.option_t (id int PRIMARY KEY);
CREATE TABLE option_a.other (id int PRIMARY KEY);
CREATE TABLE "Option B"."a.""b,c" (id int PRIMARY KEY);
CREATE TABLE "Option B"."*" (id int PRIMARY KEY);
CREATE FUNCTION followed(tables text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(coalesce(substring(line FROM E'^_schema\t([^\t]*)') || '.', '') || substring(line FROM E'_table\t([^\t]*)'), ' | '), 'none')
	FROM pg_logical_slot_peek_changes('regress', NULL, NULL, 'tables', tables), regexp_split_to_table(data, E'\n') AS line
	WHERE line ~ E'\t_action\tinsert'
$$;
BEGIN;
INSERT INTO option_t VALUES (1);
INSERT INTO "Option T" VALUES (1);
INSERT INTO option_a.option_t VALUES (1);
INSERT INTO option_a.other VALUES (1);
INSERT INTO "Option B"."a.""b,c" VALUES (1);
INSERT INTO "Option B"."*" VALUES (1);
COMMIT;
SELECT p || ' → ' || followed(p) FROM unnest(ARRAY['option_t', 'OPTION_T', '"Option T"', 'public.option_t', 'option_a.option_t',
	'option_a.*', 'OPTION_A.*', '"Option B".*', 'Option_B.*', '*', 'public.*', '*.*', '"Option B"."a.""b,c"', '"Option B"."*"', '"*"',
	' option_t , option_a.other ', E'\toption_t,\noption_a.*', 'option_t,option_t', 'nobody', 'option']) p;
SELECT count(*) FROM rows() AS line WHERE line ~ E'\t_action\tinsert';
-- What initdb makes and materialized views are not followed.
CREATE MATERIALIZED VIEW option_view AS SELECT 1 AS a;
REFRESH MATERIALIZED VIEW option_view;
CREATE UNLOGGED TABLE option_unlogged (id int PRIMARY KEY);
INSERT INTO option_unlogged VALUES (1);
CREATE TEMP TABLE option_temp (id int PRIMARY KEY);
INSERT INTO option_temp VALUES (1);
UPDATE information_schema.sql_features SET comments = '' WHERE feature_id = 'B011';
SELECT * FROM rows();
DROP FUNCTION followed;
