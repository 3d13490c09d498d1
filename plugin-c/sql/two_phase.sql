\pset format unaligned
\pset tuples_only on
-- A prepared transaction comes at COMMIT PREPARED, or never.
SELECT skip();
CREATE TABLE prepared (id int PRIMARY KEY);
BEGIN;
INSERT INTO prepared VALUES (1);
PREPARE TRANSACTION 'one';
BEGIN;
INSERT INTO prepared VALUES (2);
PREPARE TRANSACTION 'two';
SELECT * FROM rows();
INSERT INTO prepared VALUES (3);
COMMIT PREPARED 'two';
ROLLBACK PREPARED 'one';
SELECT * FROM rows();
