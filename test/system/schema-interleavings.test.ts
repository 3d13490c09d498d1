import assert from 'node:assert/strict';
import { test } from 'node:test';
import type pg from 'pg';
import { query } from '../support/cache.js';
import { Changing, DETECTIONS } from '../support/changing.js';

interface Case {
  readonly name: string;
  readonly make: string;
  /** Two users at once; their search_path is the case's schema. */
  readonly go: (a: pg.Client, b: pg.Client, changing: Changing, schema: string) => Promise<void>;
  /** Rows at the end in Postgres, in all tables together: what is compared is not nothing. */
  readonly rows: number;
}

const T = 'CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, $$one$$), (2, $$two$$)';
const T2 = `${T}; CREATE TABLE t2 (id int PRIMARY KEY, v text); INSERT INTO t2 VALUES (1, $$one$$)`;

/** Each runs in a schema of its own, beside all that came before it. */
const CASES: readonly Case[] = [
  {
    name: 'a transaction that wrote before the ALTER commits first: the ALTER waits for it', make: T, rows: 5,
    go: async (a, b, changing) => {
      await a.query("BEGIN; INSERT INTO t VALUES (3, 'before')");
      const altered = b.query("ALTER TABLE t ADD COLUMN w int DEFAULT 7; INSERT INTO t VALUES (4, 'with', 8)");
      await changing.blocked(b);
      await a.query("UPDATE t SET v = 'late' WHERE id = 1; COMMIT");
      await altered;
      await a.query("INSERT INTO t VALUES (5, 'after', 9); UPDATE t SET w = 10 WHERE id = 3");
    },
  },
  {
    name: 'a transaction that starts after the ALTER, and before its commit, waits and has the new shape', make: T, rows: 4,
    go: async (a, b, changing) => {
      await a.query("BEGIN; ALTER TABLE t RENAME COLUMN v TO w; ALTER TABLE t ADD COLUMN v int; INSERT INTO t VALUES (3, 'x', 1)");
      const inserted = b.query("INSERT INTO t (id, v) VALUES (4, 44)");
      await changing.blocked(b);
      await a.query('COMMIT');
      await inserted;
      await b.query('DELETE FROM t WHERE id = 1; INSERT INTO t (id, w) VALUES (5, $$five$$)');
    },
  },
  {
    name: 'a transaction that began long before the ALTER of another table writes to it afterwards', make: T2, rows: 4,
    go: async (a, b) => {
      await a.query("BEGIN; INSERT INTO t2 VALUES (2, 'old')");
      await b.query("ALTER TABLE t ADD COLUMN w int NOT NULL DEFAULT 7; ALTER TABLE t DROP COLUMN v");
      await a.query('INSERT INTO t VALUES (3, 8); UPDATE t SET w = 9 WHERE id = 1; DELETE FROM t WHERE id = 2; COMMIT');
    },
  },
  {
    name: 'a long transaction on one table commits after the changes of others', make: `${T2}; CREATE TABLE t3 (id int PRIMARY KEY)`, rows: 6,
    go: async (a, b) => {
      await a.query("BEGIN; INSERT INTO t2 VALUES (2, 'old')");
      await b.query('ALTER TABLE t ALTER v TYPE int USING length(v); INSERT INTO t VALUES (3, 33); DROP TABLE t3; CREATE TABLE t4 (id int PRIMARY KEY); INSERT INTO t4 VALUES (1)');
      await a.query("UPDATE t2 SET v = 'late'; COMMIT");
    },
  },
  {
    name: 'two transactions change two tables and commit in the other order', make: T2, rows: 7,
    go: async (a, b) => {
      await a.query("BEGIN; INSERT INTO t VALUES (3, 'a'); ALTER TABLE t ADD COLUMN a int DEFAULT 1");
      await b.query("BEGIN; INSERT INTO t2 VALUES (3, 'b'); ALTER TABLE t2 RENAME COLUMN v TO renamed");
      await a.query("INSERT INTO t VALUES (4, 'a', 4)");
      await b.query("INSERT INTO t2 VALUES (4, 'b'); COMMIT");
      await a.query('COMMIT');
    },
  },
  {
    name: 'ALTER SCHEMA RENAME does not wait for a transaction that wrote, which goes on by the new name', make: T, rows: 6,
    go: async (a, b, _, schema) => {
      await a.query("BEGIN; INSERT INTO t VALUES (3, 'old name')");
      await b.query(`ALTER SCHEMA ${schema} RENAME TO ${schema}_new`);
      await a.query(`INSERT INTO ${schema}_new.t VALUES (4, 'new name'); UPDATE ${schema}_new.t SET v = 'moved' WHERE id = 1`);
      await b.query(`INSERT INTO ${schema}_new.t VALUES (5, 'beside')`);
      await a.query('COMMIT');
      await b.query(`ALTER SCHEMA ${schema}_new RENAME TO ${schema}; INSERT INTO ${schema}.t VALUES (6, 'back')`);
    },
  },
  {
    name: 'ALTER TYPE RENAME VALUE does not wait for a transaction that wrote the old one', make: "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE t (id int PRIMARY KEY, m mood, ms mood[]); INSERT INTO t VALUES (1, 'sad', '{sad,glad}'), (2, 'glad', NULL)", rows: 4,
    go: async (a, b) => {
      await a.query("BEGIN; INSERT INTO t VALUES (3, 'sad', '{sad}')");
      await b.query("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'");
      await a.query("INSERT INTO t VALUES (4, 'blue', '{blue}'); UPDATE t SET m = 'blue' WHERE id = 2; COMMIT");
      await b.query("ALTER TYPE mood RENAME VALUE 'glad' TO 'sad'");
    },
  },
  {
    name: 'a transaction that wrote the old value of an enum commits long after the rest was copied', make: "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE t (id int PRIMARY KEY, m mood); INSERT INTO t VALUES (1, 'sad')", rows: 3,
    go: async (a, b, changing, schema) => {
      await a.query("BEGIN; INSERT INTO t VALUES (2, 'sad')");
      await b.query("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'");
      await changing.path.until('the new value to be mirrored', () => query(changing.path.cache(), `SELECT m FROM "${schema}.t"`)[0].m === 'blue');
      await a.query("INSERT INTO t VALUES (3, 'blue'); COMMIT");
    },
  },
  {
    name: 'a transaction that wrote a composite type commits long after that lost an attribute', make: 'CREATE TYPE pair AS (a int, b text); CREATE TABLE t (id int PRIMARY KEY, p pair); INSERT INTO t VALUES (1, ROW(1, $$x$$))', rows: 2,
    go: async (a, b, changing, schema) => {
      await a.query("BEGIN; INSERT INTO t VALUES (2, '(5,y)')");
      await b.query('ALTER TYPE pair DROP ATTRIBUTE a');
      await changing.path.until('the new value to be mirrored', () => query(changing.path.cache(), `SELECT p FROM "${schema}.t"`)[0].p === '(x)');
      await a.query('COMMIT');
    },
  },
  {
    name: 'a composite type gets and loses attributes while a transaction that wrote it is open', make: 'CREATE TYPE pair AS (a int, b text); CREATE TABLE t (id int PRIMARY KEY, p pair, ps pair[]); INSERT INTO t VALUES (1, ROW(1, $$x$$), ARRAY[ROW(2, NULL)]::pair[])', rows: 3,
    go: async (a, b) => {
      await a.query("BEGIN; INSERT INTO t VALUES (2, '(5,y)')");
      await b.query('ALTER TYPE pair ADD ATTRIBUTE c date, DROP ATTRIBUTE a');
      await a.query("INSERT INTO t VALUES (3, '(y,2026-01-01)'); COMMIT");
    },
  },
  {
    name: 'what a savepoint takes back has not happened', make: T2, rows: 6,
    go: async (a) => {
      await a.query("BEGIN; INSERT INTO t VALUES (3, 'before'); SAVEPOINT s; ALTER TABLE t ADD COLUMN w int DEFAULT 7; INSERT INTO t VALUES (4, 'gone', 8); DROP TABLE t2; CREATE TABLE t2 (other int); INSERT INTO t2 VALUES (1); ROLLBACK TO s");
      await a.query("INSERT INTO t VALUES (5, 'kept'); SAVEPOINT s2; ALTER TABLE t RENAME TO elsewhere; ROLLBACK TO s2; SAVEPOINT s3; ALTER TABLE t ADD COLUMN x int DEFAULT 1; RELEASE s3; INSERT INTO t VALUES (6, 'with', 2); COMMIT");
    },
  },
  {
    name: 'what a transaction takes back has not happened', make: T, rows: 3,
    go: async (a, b, changing) => {
      await a.query("BEGIN; ALTER TABLE t ALTER id TYPE bigint; INSERT INTO t VALUES (3, 'gone'); CREATE TABLE never (id int); INSERT INTO never VALUES (1)");
      const inserted = b.query("INSERT INTO t VALUES (4, 'kept')");
      await changing.blocked(b);
      await a.query('ROLLBACK');
      await inserted;
    },
  },
  {
    name: 'a table is dropped and made again under its name beside an older transaction on another', make: T2, rows: 4,
    go: async (a, b) => {
      await a.query("BEGIN; INSERT INTO t2 VALUES (2, 'old')");
      await b.query("BEGIN; INSERT INTO t VALUES (9, 'gone'); DROP TABLE t; CREATE TABLE t (id text PRIMARY KEY, n numeric, v text); INSERT INTO t VALUES ('a', 1.50, 'new'); COMMIT");
      await a.query("INSERT INTO t VALUES ('b', 2, 'from the old transaction'); COMMIT");
    },
  },
  {
    name: 'a table is filled beside and takes the name of another', make: T2, rows: 6,
    go: async (a, b) => {
      await a.query("BEGIN; INSERT INTO t2 VALUES (2, 'old')");
      await b.query("CREATE TABLE t_new (id bigint PRIMARY KEY, v text, w int DEFAULT 5); INSERT INTO t_new SELECT * FROM t; INSERT INTO t_new VALUES (3, 'new', 6)");
      await b.query('BEGIN; ALTER TABLE t RENAME TO t_old; ALTER TABLE t_new RENAME TO t; DROP TABLE t_old; INSERT INTO t (id) VALUES (4); COMMIT');
      await a.query('UPDATE t SET w = 0 WHERE id = 1; COMMIT');
    },
  },
  {
    name: 'two tables swap names between the rows of one transaction', make: T2, rows: 5,
    go: async (a) => {
      await a.query("BEGIN; INSERT INTO t VALUES (3, 'was t'); ALTER TABLE t RENAME TO between; ALTER TABLE t2 RENAME TO t; ALTER TABLE between RENAME TO t2; INSERT INTO t VALUES (3, 'was t2'); UPDATE t2 SET v = 'swapped'; COMMIT");
    },
  },
  {
    name: 'a prepared transaction with changes of the schema is committed later, another never', make: T2, rows: 5,
    go: async (a, b, _, schema) => {
      await a.query(`BEGIN; INSERT INTO t VALUES (3, 'before'); ALTER TABLE t ADD COLUMN w int DEFAULT 7; INSERT INTO t VALUES (4, 'after', 8); PREPARE TRANSACTION '${schema} yes'`);
      await a.query(`BEGIN; DROP TABLE t2; CREATE TABLE t3 (id int PRIMARY KEY); PREPARE TRANSACTION '${schema} no'`);
      await b.query('CREATE TABLE t4 (id int PRIMARY KEY)');
      await b.query(`ROLLBACK PREPARED '${schema} no'`);
      await b.query(`COMMIT PREPARED '${schema} yes'`);
    },
  },
  {
    name: 'a column comes between the rows of one transaction, and another goes', make: T, rows: 5,
    go: async (a) => {
      await a.query("BEGIN; INSERT INTO t VALUES (3, 'before'); ALTER TABLE t ADD COLUMN w int DEFAULT 7; INSERT INTO t VALUES (4, 'with', 8); UPDATE t SET w = 9 WHERE id = 1");
      await a.query("ALTER TABLE t DROP COLUMN v; INSERT INTO t VALUES (5, 10); ALTER TABLE t ADD COLUMN v text DEFAULT 'again'; UPDATE t SET v = 'set' WHERE id = 3; COMMIT");
    },
  },
  {
    name: 'rows are rewritten between the rows of one transaction', make: T, rows: 4,
    go: async (a) => {
      await a.query("BEGIN; INSERT INTO t VALUES (3, 'before'); ALTER TABLE t ALTER v TYPE int USING length(v); INSERT INTO t VALUES (4, 44); UPDATE t SET v = v + 1; ALTER TABLE t ADD COLUMN r double precision DEFAULT random(); DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (5, 5); COMMIT");
    },
  },
  {
    name: 'a key is lost, then another is made, beside an older transaction', make: T2, rows: 5,
    go: async (a, b) => {
      await a.query("BEGIN; INSERT INTO t2 VALUES (2, 'old')");
      await b.query("ALTER TABLE t DROP CONSTRAINT t_pkey; INSERT INTO t VALUES (1, 'again')");
      await b.query("ALTER TABLE t REPLICA IDENTITY FULL; DELETE FROM t WHERE v = 'again'; UPDATE t SET v = 'full' WHERE id = 1");
      await b.query("ALTER TABLE t ALTER v SET NOT NULL; ALTER TABLE t ADD PRIMARY KEY (v); ALTER TABLE t REPLICA IDENTITY DEFAULT; UPDATE t SET v = 'key' WHERE id = 2");
      await a.query("INSERT INTO t VALUES (3, 'from the old transaction'); COMMIT");
    },
  },
  {
    name: 'partitions come and go, with rows in them, beside an open transaction on their root', make: `
      CREATE TABLE t (id int, part int, v text, PRIMARY KEY (id, part)) PARTITION BY LIST (part); CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t_2 PARTITION OF t FOR VALUES IN (2);
      INSERT INTO t VALUES (1, 1, 'one'), (2, 2, 'two'); CREATE TABLE t_3 (LIKE t INCLUDING ALL); INSERT INTO t_3 VALUES (3, 3, 'three'), (33, 3, 'three')`, rows: 7,
    go: async (a, b, changing) => {
      await a.query("BEGIN; INSERT INTO t VALUES (11, 1, 'open')");
      const attached = b.query('ALTER TABLE t ATTACH PARTITION t_3 FOR VALUES IN (3)'); // needs no more than SHARE UPDATE EXCLUSIVE
      await attached;
      const detached = b.query("ALTER TABLE t DETACH PARTITION t_2; INSERT INTO t VALUES (34, 3, 'after'); INSERT INTO t_2 VALUES (22, 2, 'alone')");
      await changing.blocked(b);
      await a.query("UPDATE t SET v = 'late' WHERE id = 3; COMMIT");
      await detached;
      await b.query('CREATE TABLE t_4 PARTITION OF t FOR VALUES IN (4); INSERT INTO t VALUES (4, 4, $$four$$); DROP TABLE t_1; TRUNCATE t_3; INSERT INTO t VALUES (35, 3, $$x$$), (36, 3, $$y$$), (37, 3, $$z$$), (41, 4, $$four$$)');
    },
  },
  {
    name: 'an index is built concurrently beside writers, renamed and dropped', make: T2, rows: 4,
    go: async (a, b, changing) => {
      await a.query("BEGIN; INSERT INTO t VALUES (3, 'open')");
      const built = b.query('CREATE INDEX CONCURRENTLY t_v ON t (v DESC, id)');
      await changing.blocked(b);
      await a.query('COMMIT');
      await built;
      await b.query("CREATE INDEX t2_v ON t2 (v); ALTER INDEX t_v RENAME TO t_other; COMMENT ON TABLE t IS 'with an index'; COMMENT ON COLUMN t.v IS 'a column'");
      await b.query('BEGIN; DROP INDEX t2_v; ROLLBACK');
    },
  },
  {
    name: 'a table is unlogged and logged again beside an older transaction', make: T2, rows: 5,
    go: async (a, b) => {
      await a.query("BEGIN; INSERT INTO t2 VALUES (2, 'old')");
      await b.query("ALTER TABLE t SET UNLOGGED; INSERT INTO t VALUES (3, 'not in the WAL')");
      await b.query('ALTER TABLE t SET LOGGED');
      await a.query('COMMIT');
    },
  },
];

for (const detection of DETECTIONS) {
  test(`changes of schemas beside running transactions, known by ${detection}`, async (t) => {
    const schemas = CASES.map((_, i) => `case_${i}`);
    const changing = await Changing.start(t, detection, CASES.map(({ make }, i) => `CREATE SCHEMA case_${i}; SET search_path = case_${i}; ${make}`).join('; '), { settings: { max_prepared_transactions: '10' } });
    for (const [i, { name, go, rows }] of CASES.entries()) {
      await t.test(name, async (t) => {
        const [a, b] = [await changing.client(t), await changing.client(t)];
        for (const client of [a, b]) await client.query(`SET search_path = case_${i}`);
        await go(a, b, changing, schemas[i]);
        assert.equal(await changing.requireSame(schemas[i]), rows);
      });
    }
  });
}
