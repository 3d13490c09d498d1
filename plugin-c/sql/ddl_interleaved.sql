\pset format unaligned
\pset tuples_only on
-- A transaction that began before another one's schema change and is decoded after it.
CREATE EXTENSION dblink;
CREATE TABLE between (id int PRIMARY KEY);
CREATE TABLE between_changed (id int PRIMARY KEY);
CREATE TABLE between_dropped (id int PRIMARY KEY);
CREATE FUNCTION other(command text) RETURNS text LANGUAGE sql AS $$ SELECT dblink_exec('other', command) $$;
SELECT dblink_connect('other', format('host=%s port=%s dbname=%s user=%s', coalesce(host(inet_server_addr()), split_part(current_setting('unix_socket_directories'), ',', 1)),
	current_setting('port'), current_database(), current_user));
SELECT skip();
-- The other one writes before and after, tables that it saw come and change among them.
SELECT other('BEGIN'), other('INSERT INTO between VALUES (1)');
CREATE TABLE between_made (id int PRIMARY KEY);
INSERT INTO between_made VALUES (1);
ALTER TABLE between_changed ADD COLUMN v int;
DROP TABLE between_dropped;
SELECT other('INSERT INTO between VALUES (2)'), other('INSERT INTO between_made VALUES (2)'), other('INSERT INTO between_changed VALUES (2, 2)'), other('COMMIT');
SELECT * FROM lines();
-- It changes the schema itself.
SELECT other('BEGIN'), other('ALTER TABLE between ADD COLUMN a int');
CREATE TABLE between_dropped (id int PRIMARY KEY);
ALTER TABLE between_made RENAME TO between_renamed;
SELECT other('INSERT INTO between VALUES (3, 3)'), other('INSERT INTO between_renamed VALUES (3)'), other('CREATE TABLE between_own (id int PRIMARY KEY)'),
	other('INSERT INTO between_own VALUES (3)'), other('DROP TABLE between_dropped'), other('COMMIT');
SELECT * FROM lines();
-- The first transaction of a session has an older catalog than the log: what others did is not said again, nor taken for its own.
SELECT other('BEGIN'), other('ALTER TABLE between ADD COLUMN b int');
CREATE TABLE between_early (id int PRIMARY KEY);
ALTER TABLE between_renamed RENAME TO between_again;
DROP TABLE between_own;
CREATE TABLE between_root (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE between_leaf (id int PRIMARY KEY);
ALTER TABLE between_root ATTACH PARTITION between_leaf FOR VALUES FROM (0) TO (10);
SELECT count(*) > 0 FROM lines();
SELECT other('INSERT INTO between VALUES (4, 4, 4)'), other('CREATE TABLE between_late (id int PRIMARY KEY)'), other('COMMIT');
INSERT INTO between_early VALUES (4);
INSERT INTO between_again VALUES (4);
INSERT INTO between_root VALUES (4);
SELECT * FROM lines();
-- What came and went while the first transaction of a session went on is told as gone.
SELECT other('BEGIN'), other('ALTER TABLE between DROP COLUMN b');
CREATE TABLE between_early_too (id int PRIMARY KEY);
CREATE TABLE between_leaf_too (id int PRIMARY KEY);
INSERT INTO between_leaf_too VALUES (11);
ALTER TABLE between_root ATTACH PARTITION between_leaf_too FOR VALUES FROM (10) TO (20);
CREATE TABLE between_out (id int PRIMARY KEY);
CREATE SCHEMA between_out;
SELECT count(*) > 0 FROM lines('tables', '*');
SELECT other('DROP TABLE between_early_too'), other('DROP TABLE between_leaf_too'), other('ALTER TABLE between_out SET SCHEMA between_out'), other('COMMIT');
SELECT * FROM lines('tables', '*');
DROP SCHEMA between_out CASCADE;
SELECT skip();
-- What others changed and it changed back is told all the same.
CREATE TABLE between_back (id int PRIMARY KEY);
CREATE TABLE between_back_out (id int PRIMARY KEY);
CREATE TABLE between_back_index (id int PRIMARY KEY, v int);
SELECT skip();
SELECT other('BEGIN'), other('ALTER TABLE between ADD COLUMN d int');
ALTER TABLE between_back RENAME TO between_there;
ALTER TABLE between_back_out RENAME TO "Between";
CREATE INDEX between_index ON between_back_index (v);
SELECT count(*) > 0 FROM lines('tables', 'between, between_back, between_there, between_back_out, between_back_index');
SELECT other('ALTER TABLE between_there RENAME TO between_back'), other('ALTER TABLE "Between" RENAME TO between_back_out'), other('DROP INDEX between_index'), other('COMMIT');
SELECT * FROM lines('tables', 'between, between_back, between_there, between_back_out, between_back_index');
DROP TABLE between_back, between_back_out, between_back_index;
SELECT skip();
-- Prepared, and committed behind a change of what it wrote to and a table that took a name.
BEGIN;
INSERT INTO between_early VALUES (5);
CREATE TABLE between_prepared (id int PRIMARY KEY);
PREPARE TRANSACTION 'between';
CREATE TABLE between_other (id int PRIMARY KEY);
COMMIT PREPARED 'between';
INSERT INTO between_prepared VALUES (1);
SELECT * FROM lines();
SELECT dblink_disconnect('other');
DROP TABLE between, between_changed, between_again, between_early, between_root, between_late, between_prepared, between_other;
DROP EXTENSION dblink;
DROP FUNCTION other;
