/** What relations are, told from pgoutput: with event triggers the lines are the plugin's, however late they are read. */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { stateOf } from '../../src/deltastream/catalog-state.js';
import { commentOf } from '../../src/postgres/publication-change.js';
import { INSTALL } from '../../src/postgres/triggers-sql.js';
import { OpenedShapes } from '../support/opened-shapes.js';
import { TwinSlots } from '../support/pgoutput.js';
import { until } from '../support/wait.js';

let server: Server;
before(async () => { server = await Server.start({ settings: { max_prepared_transactions: '5' } }); });
after(() => server.stop());

const EVERYTHING = { tables: undefined, partitions: 'root' } as const;

/** A database with event triggers, and a publication of all of its tables that is ours. */
async function told(t: TestContext, prepare: string, tables: string): Promise<TwinSlots> {
  const shapes = new OpenedShapes();
  const publication = `CREATE PUBLICATION p${tables === '' ? '' : ` FOR TABLE ${tables}`} WITH (publish_via_partition_root = true); COMMENT ON PUBLICATION p IS '${commentOf(EVERYTHING)}'`;
  const twin = await TwinSlots.make(t, server, `${prepare}; ${INSTALL}`, () => shapes, { publication });
  t.after(() => shapes.close());
  const { rows: [{ name }] } = await twin.client.query<{ name: string }>('SELECT current_database() AS name');
  await shapes.open(server.url(name), EVERYTHING);
  return twin;
}

/** Makes all the changes, reads them only then, and compares. */
async function sameLate(t: TestContext, prepare: string, tables: string, statements: readonly string[]): Promise<string[]> {
  const twin = await told(t, prepare, tables);
  for (const statement of statements) await twin.client.query(statement);
  const theirs = await twin.theirs();
  assert.deepEqual(theirs, await twin.ours());
  return theirs;
}

test('columns that come, go, change and are renamed, among rows, read late', async (t) => {
  await sameLate(t, 'CREATE TABLE t (id int PRIMARY KEY, v text)', 't', [
    "INSERT INTO t VALUES (1, 'a')",
    'ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 5',
    "INSERT INTO t VALUES (2, 'b', 6)",
    'ALTER TABLE t RENAME COLUMN v TO w',
    "UPDATE t SET w = 'c' WHERE id = 1",
    'ALTER TABLE t DROP COLUMN n',
    'ALTER TABLE t ADD COLUMN n int',
    'UPDATE t SET n = 7 WHERE id = 2',
    'ALTER TABLE t ALTER COLUMN w TYPE varchar(20)',
    "INSERT INTO t VALUES (3, 'd', NULL)",
    'CREATE INDEX ON t (n, w DESC)',
    "COMMENT ON TABLE t IS 'of tests'; COMMENT ON COLUMN t.n IS 'a number'",
    'DELETE FROM t WHERE id = 1',
    "BEGIN; INSERT INTO t VALUES (4, 'e', 1); ALTER TABLE t ADD COLUMN x text DEFAULT 'tab\t\"q\"'; INSERT INTO t VALUES (5, 'f', 2, 'y'); COMMIT",
    'BEGIN; SAVEPOINT s; ALTER TABLE t ADD COLUMN never int; ROLLBACK TO s; ALTER TABLE t ADD COLUMN once int; COMMIT',
    "DO $$ BEGIN ALTER TABLE t DROP COLUMN once; EXCEPTION WHEN OTHERS THEN NULL; END $$",
    'DELETE FROM t',
  ]);
});

for (const by of ['a look', 'a row']) test(`what is found by ${by} in a transaction that the log has already is said again behind it: the log has it as the catalog was then`, async (t) => {
  const shapes = new OpenedShapes();
  t.after(() => shapes.close());
  const twin = await TwinSlots.make(t, server, 'CREATE TABLE t (id int PRIMARY KEY)', () => shapes);
  const { rows: [{ oid, name }] } = await twin.client.query<{ oid: number; name: string }>("SELECT 't'::regclass::oid AS oid, current_database() AS name");
  const write = by === 'a row' ? 'INSERT INTO t SELECT count(*) FROM t' : `SELECT pg_logical_emit_message(true, 'deltastream', 'look ${oid}')`;
  await twin.client.query(write);
  const { rows: [{ lsn }] } = await twin.client.query<{ lsn: string }>("SELECT (pg_current_wal_lsn() - '0/0')::text AS lsn");
  await twin.client.query("COMMENT ON TABLE t IS 'of now'");
  await shapes.open(server.url(name), EVERYTHING, { ...stateOf(EVERYTHING, '', false, [], []), prints: { [oid]: 'of then' } });
  await twin.client.query(write);
  twin.reconnect(BigInt(lsn));
  const said = await twin.theirs();
  assert.equal(said.filter((line) => line.includes('\t_action\tstale\t')).length, 2);
  assert.match(said.join('\n'), /\t_action\tcomments\t[^\n]*of now\n_action\tcommit\t[^\n]*$/);
});

test('tables that come with rows, go, are renamed, swap names and move to another schema', async (t) => {
  await sameLate(t, 'CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, n int); CREATE SCHEMA s; CREATE TABLE s.c (id int PRIMARY KEY)', 'a, b, s.c', [
    "BEGIN; CREATE TABLE made (id int PRIMARY KEY, v text); INSERT INTO made VALUES (1, 'x'); CREATE INDEX ON made (v); COMMIT",
    "INSERT INTO made VALUES (2, 'y')",
    'CREATE TABLE empty (id int PRIMARY KEY)',
    'BEGIN; CREATE TABLE twice (id int PRIMARY KEY); INSERT INTO twice VALUES (1); ALTER TABLE twice ADD COLUMN n int DEFAULT 3; INSERT INTO twice VALUES (2); COMMIT',
    'INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)',
    'ALTER TABLE a RENAME TO a2',
    'UPDATE a2 SET v = \'renamed\'',
    'BEGIN; ALTER TABLE a2 RENAME TO x; ALTER TABLE b RENAME TO a2; ALTER TABLE x RENAME TO b; COMMIT',
    "INSERT INTO b VALUES (2, 'b was a'); INSERT INTO a2 VALUES (2, 2)",
    'ALTER SCHEMA s RENAME TO s2',
    'INSERT INTO s2.c VALUES (1)',
    'ALTER TABLE s2.c SET SCHEMA public',
    'INSERT INTO c VALUES (2)',
    'DROP TABLE b',
    'BEGIN; DROP TABLE a2; CREATE TABLE a2 (id int PRIMARY KEY, other text); INSERT INTO a2 VALUES (1, \'new\'); COMMIT',
    'DROP SCHEMA s2 CASCADE; DROP TABLE made, empty',
  ]);
});

test('keys: of other columns, in another order, of an index, FULL', async (t) => {
  await sameLate(t, 'CREATE TABLE k (a int NOT NULL, b int NOT NULL, c int NOT NULL, PRIMARY KEY (a))', 'k', [
    'INSERT INTO k VALUES (1, 1, 1), (2, 2, 2)',
    'BEGIN; ALTER TABLE k DROP CONSTRAINT k_pkey, ADD PRIMARY KEY (b, a); COMMIT',
    'UPDATE k SET b = 3 WHERE a = 1',
    'BEGIN; ALTER TABLE k DROP CONSTRAINT k_pkey, ADD PRIMARY KEY (a, b); COMMIT',
    'UPDATE k SET b = 4 WHERE a = 1',
    'CREATE UNIQUE INDEX k_c ON k (c); ALTER TABLE k REPLICA IDENTITY USING INDEX k_c',
    'UPDATE k SET c = 9 WHERE a = 2',
    'ALTER TABLE k REPLICA IDENTITY FULL',
    'UPDATE k SET b = 7 WHERE a = 2',
    'DELETE FROM k',
  ]);
});

test('rows that ALTER TABLE writes anew are stale, those of an empty table are not', async (t) => {
  await sameLate(t, 'CREATE TABLE w (id int PRIMARY KEY, n int); CREATE TABLE nothing (id int PRIMARY KEY, n int)', 'w, nothing', [
    'INSERT INTO w VALUES (1, 1)',
    'ALTER TABLE w ALTER COLUMN n TYPE bigint USING n + 1',
    'INSERT INTO w VALUES (2, 2)',
    'ALTER TABLE w ADD COLUMN r float8 DEFAULT random()',
    'ALTER TABLE nothing ALTER COLUMN n TYPE bigint',
    'INSERT INTO nothing VALUES (1, 1)',
    'VACUUM FULL w',
    'TRUNCATE w',
    'ALTER TABLE w DROP COLUMN r',
    'INSERT INTO w VALUES (3, 3)',
  ]);
});

test('types: renamed, a label renamed, a column of another one whose text is not known', async (t) => {
  await sameLate(t, "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN small AS int; CREATE TABLE m (id int PRIMARY KEY, m mood, s small[])", 'm', [
    "INSERT INTO m VALUES (1, 'ok', '{1}')",
    'ALTER TYPE mood RENAME TO feeling',
    "INSERT INTO m VALUES (2, 'sad', '{2}')",
    "ALTER TYPE feeling RENAME VALUE 'sad' TO 'blue'",
    "INSERT INTO m VALUES (3, 'blue', '{2}')",
    "ALTER TYPE feeling ADD VALUE 'new'",
    'ALTER TABLE m ADD COLUMN l oid; ',
    'ALTER TABLE m ALTER COLUMN l TYPE regclass',
    'ALTER TABLE m ALTER COLUMN id TYPE oid',
    "INSERT INTO m VALUES (4, 'new', '{2}', NULL)",
  ]);
});

test('partitions that are made, attached, detached and dropped', async (t) => {
  await sameLate(t, `CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
    CREATE TABLE filled (v text, id int PRIMARY KEY); INSERT INTO filled VALUES ('old', 25)`, 'p', [
    "INSERT INTO p VALUES (1, 'a')",
    'CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)',
    "INSERT INTO p VALUES (11, 'b')",
    'UPDATE p SET id = 12 WHERE id = 1',
    'ALTER TABLE p ADD COLUMN n int DEFAULT 4',
    'INSERT INTO p VALUES (2, \'c\')',
    'ALTER TABLE p DETACH PARTITION p2',
    'INSERT INTO p VALUES (3, \'d\')',
    'DROP TABLE p1',
  ]);
});

test('a commit that waits for a standby is told as it is, though the catalog does not show it yet', async (t) => {
  const twin = await told(t, 'CREATE TABLE t (id int PRIMARY KEY, a int, b int); INSERT INTO t VALUES (1, 10, 20)', 't');
  await twin.client.query('UPDATE t SET a = 11');
  const { rows: [{ pid, name }] } = await twin.client.query<{ pid: number; name: string }>('SELECT pg_backend_pid() AS pid, current_database() AS name');
  await twin.client.query("SET synchronous_commit = 'local'");
  const admin = await server.client(name);
  t.after(() => admin.end());
  await admin.query("ALTER SYSTEM SET synchronous_standby_names = 'ghost'");
  await admin.query('SELECT pg_reload_conf()');
  await until('the server waits for standbys', async () => (await admin.query('SHOW synchronous_standby_names')).rows[0].synchronous_standby_names === 'ghost');
  const waiting = twin.client.query("BEGIN; SET LOCAL synchronous_commit = 'on'; ALTER TABLE t DROP COLUMN b; ALTER TABLE t ADD COLUMN b int DEFAULT 6; COMMIT");
  await until('the commit waits', async () => (await admin.query("SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'", [pid])).rowCount === 1);
  const theirs = await twin.theirs();
  await admin.query('ALTER SYSTEM RESET synchronous_standby_names');
  await admin.query('SELECT pg_reload_conf()');
  await waiting;
  assert.ok(theirs.some((line) => line.includes('_action\tschema') && line.includes('\tb\t4 null integer\t_missing\t6')), theirs.join('\n'));
  assert.deepEqual(theirs, await twin.ours());
});

test('a table that another event trigger fills before it is published is copied', async (t) => {
  const fill = "CREATE FUNCTION fill() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO fresh VALUES (1); END$$; CREATE EVENT TRIGGER a_fill ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION fill()";
  const twin = await told(t, `CREATE TABLE t (id int PRIMARY KEY); ${fill}`, 't');
  await twin.client.query('CREATE TABLE fresh (id int PRIMARY KEY); INSERT INTO fresh VALUES (2)');
  const lines = (await twin.theirs()).filter((line) => line.includes('_table\tfresh'));
  assert.ok(lines.some((line) => line.includes('_action\tstale')) && !lines.some((line) => line.includes('_action\tcreate')), lines.join('\n'));
});
