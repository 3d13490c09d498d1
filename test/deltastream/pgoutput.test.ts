/** The changes of one WAL, by our plugin and by pgoutput: the same lines, byte for byte. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test, type TestContext } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { commentOf } from '../../src/postgres/publication-change.js';
import { LETTER } from '../../src/postgres/pgoutput/messages.js';
import { INSTALL } from '../../src/postgres/triggers-sql.js';
import { OpenedShapes } from '../support/opened-shapes.js';
import { TwinSlots, type TwinOptions } from '../support/pgoutput.js';
import { Random } from '../support/random.js';
import { ONLY_NULL, SAMPLES } from '../support/samples.js';

let server: Server;

before(async () => {
  server = await Server.start({ settings: { logical_decoding_work_mem: '64kB', max_prepared_transactions: '10' } });
});
after(() => server.stop());

async function twins(t: TestContext, prepare: string, options: TwinOptions = {}): Promise<TwinSlots> {
  const shapes = new OpenedShapes();
  const twin = await TwinSlots.make(t, server, prepare, () => shapes, options);
  t.after(() => shapes.close());
  await shapes.open(server.url(twin.client.database), { tables: undefined, partitions: options.leaves === true ? 'leaf' : 'root' });
  return twin;
}

/** Runs the statements behind the slots, and compares; gives the lines. */
async function same(t: TestContext, prepare: string, statements: readonly string[], options: TwinOptions = {}): Promise<string[]> {
  const twin = await twins(t, prepare, options);
  for (const statement of statements) await twin.client.query(statement);
  const [ours, theirs] = [await twin.ours(), await twin.theirs()];
  assert.ok(ours.length > 0, 'nothing was written');
  assert.deepEqual(theirs, ours);
  return theirs;
}

const count = (lines: readonly string[], action: string) => lines.filter((line) => line.includes(`\t_action\t${action}`)).length;

test('NULL, the empty string, unchanged TOAST and what is escaped are told apart', async (t) => {
  await same(t, 'CREATE TABLE "_odd	table" (id int PRIMARY KEY, "_x" text, "a\tb\\" text, big text); ALTER TABLE "_odd	table" ALTER big SET STORAGE EXTERNAL', [
    `INSERT INTO "_odd	table" VALUES (1, NULL, '', repeat('x', 10000)), (2, E'\\\\N', E'a\\tb\\\\c\\nd\\re\\f', NULL), (3, 'é漢😀', ' ', '')`,
    'UPDATE "_odd	table" SET "_x" = \'y\' WHERE id = 1',
    'UPDATE "_odd	table" SET big = NULL WHERE id = 1',
    'UPDATE "_odd	table" SET big = repeat(E\'\\t\\\\\', 30000) WHERE id = 1',
    'UPDATE "_odd	table" SET id = 7 WHERE id = 1',
    'DELETE FROM "_odd	table"',
  ]);
});

test('keys: of several columns in their own order, of an index, stored out of line; changed, swapped, moved up by one', async (t) => {
  const lines = await same(t, `
    CREATE TABLE two (a int, b text, c int, d int, PRIMARY KEY (c, a)); CREATE TABLE indexed (id int PRIMARY KEY, code text NOT NULL, n int); CREATE UNIQUE INDEX code ON indexed (code);
    ALTER TABLE indexed REPLICA IDENTITY USING INDEX code; CREATE TABLE longkey (k text PRIMARY KEY, n int); ALTER TABLE longkey ALTER k SET STORAGE EXTERNAL; CREATE TABLE many (id int PRIMARY KEY DEFERRABLE INITIALLY IMMEDIATE, uk int NOT NULL UNIQUE);
    ALTER TABLE many REPLICA IDENTITY USING INDEX many_uk_key; CREATE TABLE renumbered (id int, PRIMARY KEY (id))`, [
    "INSERT INTO two VALUES (1, 'x', 2, 3), (4, 'y', 5, 6)",
    'UPDATE two SET d = 9', "UPDATE two SET c = c + 1 WHERE a = 1", 'UPDATE two SET a = 8, b = NULL WHERE a = 4', 'DELETE FROM two',
    "INSERT INTO indexed VALUES (1, 'a', 1), (2, 'b', 2)", "UPDATE indexed SET id = 3 WHERE id = 1", "UPDATE indexed SET code = 'c' WHERE code = 'a'", 'DELETE FROM indexed',
    "INSERT INTO longkey SELECT string_agg(md5(i::text), ''), 1 FROM generate_series(1, 70) i", 'UPDATE longkey SET n = 2', "UPDATE longkey SET k = k || 'x'", 'DELETE FROM longkey',
    'INSERT INTO many VALUES (1, 1), (2, 2)', 'UPDATE many SET id = id + 1', 'UPDATE many SET uk = 100 - uk', 'DELETE FROM many',
    'INSERT INTO renumbered VALUES (1), (2)', 'BEGIN; UPDATE renumbered SET id = 3 WHERE id = 1; UPDATE renumbered SET id = 1 WHERE id = 2; UPDATE renumbered SET id = 2 WHERE id = 3; COMMIT',
  ]);
  assert.ok(count(lines, 'replace') >= 9);
});

test('REPLICA IDENTITY FULL, with a key and without one', async (t) => {
  const lines = await same(t, `
    CREATE TABLE keyed (id int PRIMARY KEY, v text, big text); ALTER TABLE keyed REPLICA IDENTITY FULL; ALTER TABLE keyed ALTER big SET STORAGE EXTERNAL;
    CREATE TABLE keyless (v text, n int, big text); ALTER TABLE keyless REPLICA IDENTITY FULL; ALTER TABLE keyless ALTER big SET STORAGE EXTERNAL`, [
    "INSERT INTO keyed VALUES (1, 'a', repeat('x', 5000)), (2, NULL, NULL)", "UPDATE keyed SET v = 'b'", 'UPDATE keyed SET id = id + 10', 'DELETE FROM keyed',
    "INSERT INTO keyless VALUES ('a', 1, repeat('x', 5000)), ('a', 1, NULL), (NULL, NULL, NULL)", 'UPDATE keyless SET n = n', "UPDATE keyless SET v = 'b' WHERE big IS NULL", 'DELETE FROM keyless',
  ]);
  assert.equal(count(lines, 'replace'), 2 + 3 + 2);
});

test('a truncate of several tables is a line for each, with its options', async (t) => {
  const lines = await same(t, 'CREATE SCHEMA ops; CREATE TABLE a (id serial PRIMARY KEY); CREATE TABLE ops.b (id int PRIMARY KEY REFERENCES a); CREATE TABLE c (v int)', [
    'INSERT INTO a VALUES (1)', 'TRUNCATE a, ops.b, c', 'TRUNCATE a CASCADE', 'TRUNCATE c RESTART IDENTITY', 'BEGIN; INSERT INTO a VALUES (5); TRUNCATE a RESTART IDENTITY CASCADE; INSERT INTO a VALUES (6); COMMIT',
  ]);
  assert.equal(count(lines, 'truncate\t_options\tcascade,restart'), 2);
});

test('savepoints that were rolled back leave nothing, and a transaction that wrote nothing is not mentioned', async (t) => {
  const lines = await same(t, 'CREATE TABLE t (id int PRIMARY KEY); CREATE UNLOGGED TABLE u (id int)', [
    'BEGIN; INSERT INTO t VALUES (1); SAVEPOINT a; INSERT INTO t VALUES (2); ROLLBACK TO a; INSERT INTO t VALUES (3); SAVEPOINT b; INSERT INTO t VALUES (4); RELEASE b; COMMIT',
    'BEGIN; INSERT INTO t VALUES (10); ROLLBACK', 'INSERT INTO u VALUES (1)', 'BEGIN; SAVEPOINT a; INSERT INTO t VALUES (11); ROLLBACK TO a; COMMIT', 'CREATE TEMP TABLE tt AS SELECT 1',
  ]);
  assert.equal(count(lines, 'insert'), 3);
  assert.equal(count(lines, 'begin'), 0);
  assert.equal(lines.filter((line) => line.startsWith('_action\tbegin')).length, 1);
});

test('a prepared transaction stands where it is committed', async (t) => {
  const lines = await same(t, 'CREATE TABLE t (id int PRIMARY KEY)', [
    "BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'one'", "BEGIN; INSERT INTO t VALUES (2); PREPARE TRANSACTION 'two'", 'INSERT INTO t VALUES (3)', "COMMIT PREPARED 'one'", "ROLLBACK PREPARED 'two'",
  ]);
  assert.deepEqual(lines.filter((line) => line.includes('insert')).map((line) => line.slice(-1)), ['3', '1']);
});

const fill = (from: number, to: number) => `INSERT INTO t SELECT i, repeat('x', 100), 1 FROM generate_series(${from}, ${to}) i`;
const BIG = 'CREATE TABLE t (id int PRIMARY KEY, v text, n int)';

test('where the slot sends prepared transactions before their end, large ones in pieces, they stand where they are committed', async (t) => {
  const lines = await same(t, `${BIG}; CREATE TABLE s (id int PRIMARY KEY)`, [
    "BEGIN; INSERT INTO s VALUES (1); PREPARE TRANSACTION 'one'", "BEGIN; INSERT INTO s VALUES (2); PREPARE TRANSACTION 'two'", 'INSERT INTO s VALUES (3)', "COMMIT PREPARED 'one'", "ROLLBACK PREPARED 'two'", 'INSERT INTO s VALUES (4)',
    `BEGIN; ${fill(1, 6000)}; SAVEPOINT a; ${fill(6001, 9000)}; ROLLBACK TO a; ${fill(9001, 10_000)}; PREPARE TRANSACTION 'large'`, `BEGIN; ${fill(20_000, 26_000)}; PREPARE TRANSACTION 'given up'`, 'INSERT INTO s VALUES (5)', "ROLLBACK PREPARED 'given up'", "COMMIT PREPARED 'large'",
  ], { twoPhase: true });
  assert.equal(count(lines, 'insert'), 4 + 7000);
});

test('a prepared transaction that came to an earlier connection is an error at its commit, not a loss', async (t) => {
  const twin = await twins(t, 'CREATE TABLE s (id int PRIMARY KEY)', { twoPhase: true });
  await twin.client.query("BEGIN; INSERT INTO s VALUES (1); PREPARE TRANSACTION 'early'");
  assert.deepEqual(await twin.theirs(), []);
  twin.reconnect();
  await twin.client.query("COMMIT PREPARED 'early'");
  await assert.rejects(twin.theirs(), { name: 'DeltaError', code: 'slot', message: /"early".*two_phase/ });
});

for (const protocol of [1, 2, 3]) {
  test(`protocol version ${protocol}: rows, a truncate, a message and a large transaction`, async (t) => {
    const twin = await twins(t, BIG, { protocol, messages: 'audit' });
    for (const sql of [`BEGIN; ${fill(1, 6000)}; SAVEPOINT a; ${fill(6001, 9000)}; ROLLBACK TO a; SELECT pg_logical_emit_message(true, 'audit', 'x'); COMMIT`, 'UPDATE t SET id = -id WHERE id < 10', 'TRUNCATE t']) await twin.client.query(sql);
    const messages = await twin.messages();
    assert.equal(messages.some(([letter]) => letter === LETTER.streamStart), protocol > 1);
    assert.deepEqual(await twin.translate(messages), await twin.ours());
  });
}

test('a message of unknown kind, one in the wrong place and one that is cut short end the session', async (t) => {
  const twin = await twins(t, BIG);
  await twin.client.query('INSERT INTO t VALUES (1)');
  const [begin, , insert] = await twin.messages();
  for (const wrong of [[Buffer.from('?')], [insert], [begin, begin], [begin, insert], [begin.subarray(0, 9)], [Buffer.from('E')]]) {
    twin.reconnect();
    await assert.rejects(twin.translate(wrong), { name: 'DeltaError', code: 'postgres', message: /^pgoutput: / });
  }
});

const PARTITIONED = `
  CREATE TABLE p (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
  CREATE TABLE p_eu PARTITION OF p FOR VALUES IN ('eu');
  CREATE TABLE p_us (v text, gone int, region text NOT NULL, id int NOT NULL); ALTER TABLE p_us DROP gone; ALTER TABLE p_us ADD PRIMARY KEY (id, region); ALTER TABLE p ATTACH PARTITION p_us FOR VALUES IN ('us')`;
const MOVES = ["INSERT INTO p VALUES (1, 'eu', 'a'), (2, 'us', 'b')", "UPDATE p SET v = 'c'", "UPDATE p SET region = 'us' WHERE id = 1", 'UPDATE p SET id = id + 10', 'DELETE FROM p WHERE id = 11', 'TRUNCATE p'];

test('partitions by their root: rows in its columns, moves, a truncate of all', async (t) => {
  const lines = await same(t, PARTITIONED, MOVES);
  assert.ok(lines.every((line) => line.startsWith('_action') || line.startsWith('_table\tp\t')));
  assert.equal(count(lines, 'truncate'), 1);
});

test('partitions by their own names', async (t) => {
  const lines = await same(t, PARTITIONED, MOVES, { leaves: true });
  assert.ok(lines.some((line) => line.startsWith('_table\tp_us\t')));
  assert.equal(count(lines, 'truncate'), 2);
});

test('logical messages of the prefixes asked for: in their transaction, alone, as text or as bytes', async (t) => {
  const lines = await same(t, 'CREATE TABLE t (id int PRIMARY KEY)', [
    String.raw`SELECT pg_logical_emit_message(false, 'audit', E'alone\tand\\escaped\n')`,
    `BEGIN; SELECT pg_logical_emit_message(true, 'audit', 'first'); INSERT INTO t VALUES (1); SELECT pg_logical_emit_message(true, 'audit', ''), pg_logical_emit_message(true, 'Audit', 'x'), pg_logical_emit_message(true, 'with blank ', 'é'), pg_logical_emit_message(true, 'deltastream', 'look 1'); COMMIT`,
    "BEGIN; SELECT pg_logical_emit_message(true, 'audit', 'rolled back'); SELECT pg_logical_emit_message(false, 'audit', 'not rolled back'); ROLLBACK",
    String.raw`SELECT pg_logical_emit_message(true, 'audit', '\x00ff'::bytea), pg_logical_emit_message(true, 'audit', '\x610062'::bytea), pg_logical_emit_message(false, 'audit', '\xff'::bytea)`,
  ], { messages: 'audit,with blank ' });
  assert.equal(count(lines, 'message') + lines.filter((line) => line.startsWith('_action\tmessage')).length, 8);
});

test('a transaction that comes in pieces stands whole at its commit, less what its aborted savepoints wrote', async (t) => {
  const lines = await same(t, `${BIG}; CREATE TABLE late (id int PRIMARY KEY)`, [
    'BEGIN', fill(1, 5000), 'SAVEPOINT a', fill(5001, 9000), 'SAVEPOINT b', fill(9001, 12000), 'INSERT INTO late VALUES (1)', 'RELEASE b', 'ROLLBACK TO a', fill(12001, 15000), 'INSERT INTO late VALUES (2)',
    'SAVEPOINT c', fill(15001, 19000), 'SAVEPOINT d', fill(19001, 22000), 'ROLLBACK TO d', fill(22001, 25000), 'RELEASE c', 'UPDATE t SET n = 2 WHERE id < 3000', 'TRUNCATE late', 'COMMIT',
    'BEGIN', fill(30001, 40000), 'ROLLBACK', fill(40001, 40001),
  ]);
  assert.equal(count(lines, 'insert'), 5000 + 3000 + 1 + 4000 + 3000 + 1);
});

test('random savepoints in transactions that come in pieces, in turns on two connections', async (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const twin = await twins(t, `${BIG}; CREATE TABLE s (id serial PRIMARY KEY, v text) PARTITION BY HASH (id); CREATE TABLE s0 PARTITION OF s FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE s1 PARTITION OF s FOR VALUES WITH (MODULUS 2, REMAINDER 1)`);
  const other = await server.client(twin.client.database);
  t.after(() => other.end());
  let id = 1;
  const open = new Map([[twin.client, [] as string[]], [other, []]]);
  for (const client of open.keys()) await client.query('BEGIN');
  for (let i = 0; i < 160; i++) {
    const client = random.pick([...open.keys()]);
    const savepoints = open.get(client)!;
    const step = random.below(12);
    if (step < 3) {
      savepoints.push(`s${i}`);
      await client.query(`SAVEPOINT s${i}`);
    } else if (step < 5 && savepoints.length > 0) await client.query(`${step === 3 ? 'ROLLBACK TO' : 'RELEASE'} ${savepoints.splice(random.below(savepoints.length))[0]}`);
    else if (step < 6) {
      await client.query(`${random.below(5) === 0 ? 'ROLLBACK' : 'COMMIT'}; BEGIN`);
      savepoints.length = 0;
    } else if (step < 7) await client.query(`INSERT INTO s (v) SELECT 'p' FROM generate_series(1, ${random.below(300)})`);
    else if (step < 8) await client.query(`SELECT pg_logical_emit_message(true, 'deltastream', 'look 1')`);
    else {
      const rows = random.below(1500);
      await client.query(fill(id, id + rows));
      id += rows + 1;
    }
  }
  for (const client of open.keys()) await client.query('COMMIT');
  const messages = await twin.messages();
  assert.ok(messages.some(([letter]) => letter === LETTER.streamAbort), 'nothing was aborted in pieces');
  assert.deepEqual(await twin.translate(messages), await twin.ours());
});

test('what a savepoint took back does not say what a table is: a dropped column that came again, in a transaction that comes in pieces', async (t) => {
  const twin = await twins(t, `${BIG}; ${INSTALL}`, { publication: `CREATE PUBLICATION p FOR TABLE t WITH (publish_via_partition_root = true); COMMENT ON PUBLICATION p IS '${commentOf({ tables: undefined, partitions: 'root' })}'` });
  await twin.client.query(`BEGIN; SAVEPOINT a; ALTER TABLE t DROP COLUMN n; ALTER TABLE t ADD COLUMN n int; ${fill(1, 3000)}`);
  await server.query('CHECKPOINT'); // what is not flushed is not decoded
  const early = await twin.messages();
  await twin.client.query(`ROLLBACK TO a; ${fill(3001, 6000)}; COMMIT`);
  await twin.client.query('ALTER TABLE t ADD COLUMN z int'); // so that the catalog of now does not tell
  const late = await twin.messages();
  // Read from the beginning once more, the server leaves out what it took back; a connection that was there before is told.
  const [start, row] = [early[0], early.find(([letter]) => letter === LETTER.insert)!];
  const abort = Buffer.concat([Buffer.from([LETTER.streamAbort]), start.subarray(1, 5), row.subarray(1, 5)]);
  const theirs = await twin.translate([...early, abort, ...late]);
  assert.ok(early.some((message) => message.includes('deltastream') && message.includes('shape {')));
  assert.ok(theirs.every((line) => !/\tn\t4 /.test(line)), 'the column of the aborted savepoint was believed');
  const inserts = (lines: readonly string[]) => lines.filter((line) => line.includes('_action\tinsert'));
  assert.deepEqual(inserts(theirs), inserts(await twin.ours()));
});

test('two transactions that come in pieces, in turns with each other and with small ones, stand in the order of their commits', async (t) => {
  const twin = await twins(t, `${BIG}; CREATE TABLE s (id int PRIMARY KEY)`);
  const other = await server.client(twin.client.database);
  t.after(() => other.end());
  await twin.client.query('BEGIN');
  await other.query('BEGIN');
  for (let i = 0; i < 4; i++) {
    await twin.client.query(fill(i * 5000, i * 5000 + 4999));
    await other.query(fill(100_000 + i * 5000, 104_999 + i * 5000));
    await server.query(`INSERT INTO s VALUES (${i})`, twin.client.database);
  }
  await other.query('COMMIT');
  await twin.client.query('COMMIT');
  const messages = await twin.messages();
  assert.ok(messages.filter(([letter]) => letter === LETTER.streamStart).length > 4, 'they did not come in pieces');
  const theirs = await twin.translate(messages);
  assert.deepEqual(theirs, await twin.ours());
  assert.equal(count(theirs, 'insert'), 40_000 + 4);
  assert.ok(existsSync(twin.spoolFolder));
});

const BYTES_TYPE = `
  CREATE TYPE raw; CREATE FUNCTION raw_in(cstring) RETURNS raw IMMUTABLE STRICT LANGUAGE internal AS 'textin'; CREATE FUNCTION raw_out(raw) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'textout';
  CREATE TYPE raw (INPUT = raw_in, OUTPUT = raw_out, LIKE = text); CREATE CAST (bytea AS raw) WITHOUT FUNCTION;
  CREATE TABLE bytes (id int PRIMARY KEY, v raw); CREATE TABLE s (id int PRIMARY KEY)`;

test('a value that is no text puts its table into quarantine for the transaction; the reason alone is worded otherwise', async (t) => {
  const twin = await twins(t, BYTES_TYPE);
  await twin.client.query(String.raw`BEGIN; INSERT INTO bytes VALUES (1, 'é'), (2, '\xff'::bytea::raw), (3, 'after'); INSERT INTO s VALUES (1); DELETE FROM bytes WHERE id = 1; COMMIT; INSERT INTO bytes VALUES (4, 'next')`);
  const worded = (lines: readonly string[]) => lines.map((line) => line.replace(/(cannot be written: )[^\t]*/, '$1'));
  const theirs = await twin.theirs();
  assert.deepEqual(worded(theirs), worded(await twin.ours()));
  assert.equal(count(theirs, 'quarantine\t_reason\ta row of public.bytes cannot be written: column v holds bytes that are no text'), 1);
});

test('a value that Postgres cannot print is an error of the server, which says it each time it is asked', async (t) => {
  const twin = await twins(t, `CREATE TYPE vanishing AS ENUM ('here', 'gone'); CREATE TABLE kept AS SELECT 'gone'::vanishing AS v; DELETE FROM pg_enum WHERE enumtypid = 'vanishing'::regtype AND enumlabel = 'gone'; CREATE TABLE unprintable (id int PRIMARY KEY, v vanishing)`);
  await twin.client.query('INSERT INTO unprintable SELECT 1, v FROM kept');
  assert.equal(count(await twin.ours(), 'quarantine'), 1);
  for (let i = 0; i < 2; i++) await assert.rejects(twin.theirs(), /invalid internal value for enum/);
});

/** Types that have no array. */
const ALONE = new Set(['pg_node_tree', 'pg_ndistinct', 'pg_dependencies', 'pg_mcv_list']);

test('every type prints as our plugin prints it', async (t) => {
  const types = Object.entries(SAMPLES).filter(([type]) => !ONLY_NULL.has(type));
  const tables = types.map(([type], i) => `CREATE TABLE t${i} (id serial PRIMARY KEY, v ${type}${ALONE.has(type) ? '' : `, again ${type}[]`})`);
  const inserts = types.flatMap(([type, values], i) => values.map((value) => {
    const cell = value.startsWith('sql:') ? value.slice(4) : `$sample$${value}$sample$::${type}`;
    return ALONE.has(type) ? `INSERT INTO t${i} (v) SELECT ${cell}` : `INSERT INTO t${i} (v, again) SELECT x, ARRAY[x, NULL] FROM (SELECT ${cell} AS x) s`;
  }));
  await same(t, `CREATE TYPE mood AS ENUM ('happy'); CREATE TABLE "Odd ""table""" (id int PRIMARY KEY); CREATE TABLE correlated (a int, b int); INSERT INTO correlated SELECT i % 3, i % 3 FROM generate_series(1, 100) i;
    CREATE STATISTICS s (ndistinct, dependencies, mcv) ON a, b FROM correlated; ANALYZE correlated; ${tables.join(';')}`,
  ["SET xmloption = content; SET DateStyle = 'ISO, MDY'; SET TimeZone = 'UTC'", ...inserts]);
});
