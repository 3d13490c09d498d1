\pset format unaligned
\pset tuples_only on
-- What an unlogged table does is in no WAL: a quarantine until it is logged again, and then a copy, rows or not.
CREATE TABLE unlogged_full (id int PRIMARY KEY);
CREATE TABLE unlogged_empty (id int PRIMARY KEY);
INSERT INTO unlogged_full VALUES (1);
SELECT skip();
ALTER TABLE unlogged_full SET UNLOGGED;
ALTER TABLE unlogged_empty SET UNLOGGED;
INSERT INTO unlogged_full VALUES (2);
ALTER TABLE unlogged_full ADD COLUMN v int;
ALTER TABLE unlogged_empty RENAME TO unlogged_renamed;
SELECT * FROM lines();
ALTER TABLE unlogged_full SET LOGGED;
ALTER TABLE unlogged_renamed SET LOGGED;
INSERT INTO unlogged_renamed VALUES (1);
SELECT * FROM lines();
-- In one session; both in one transaction.
ALTER TABLE unlogged_full SET UNLOGGED;
DELETE FROM unlogged_full;
ALTER TABLE unlogged_full SET LOGGED;
BEGIN;
ALTER TABLE unlogged_renamed SET UNLOGGED;
DELETE FROM unlogged_renamed;
ALTER TABLE unlogged_renamed SET LOGGED;
COMMIT;
SELECT * FROM lines();
-- One that goes while it is unlogged, one that never was logged, one that becomes it.
ALTER TABLE unlogged_full SET UNLOGGED;
CREATE UNLOGGED TABLE unlogged_never (id int PRIMARY KEY);
DROP TABLE unlogged_full;
DROP TABLE unlogged_never;
CREATE UNLOGGED TABLE unlogged_first (id int PRIMARY KEY);
INSERT INTO unlogged_first VALUES (1);
ALTER TABLE unlogged_first SET LOGGED;
SELECT * FROM lines();
-- A partition.
CREATE TABLE unlogged_root (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE unlogged_leaf PARTITION OF unlogged_root FOR VALUES FROM (0) TO (10);
SELECT skip();
ALTER TABLE unlogged_leaf SET UNLOGGED;
INSERT INTO unlogged_root VALUES (1);
DELETE FROM unlogged_root;
ALTER TABLE unlogged_leaf SET LOGGED;
SELECT * FROM lines();
-- As long as one is, a copy would not hold.
ALTER TABLE unlogged_leaf SET UNLOGGED;
SELECT skip();
TRUNCATE unlogged_leaf;
CREATE TABLE unlogged_beside PARTITION OF unlogged_root FOR VALUES FROM (10) TO (20);
INSERT INTO unlogged_root VALUES (11);
TRUNCATE unlogged_beside;
SELECT pg_logical_emit_message(true, 'deltastream', 'reload ' || 'unlogged_root'::regclass::oid) IS NULL;
DROP TABLE unlogged_leaf;
SELECT * FROM lines();
-- Undone: nothing.
BEGIN;
SAVEPOINT s;
ALTER TABLE unlogged_beside SET UNLOGGED;
ROLLBACK TO s;
ALTER TABLE unlogged_beside ALTER id SET STATISTICS 100;
COMMIT;
SELECT * FROM lines();
DROP TABLE unlogged_renamed, unlogged_first, unlogged_root;
