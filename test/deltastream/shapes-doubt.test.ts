/** Without event triggers, and what no event trigger may make anybody believe: where the catalog leaves a doubt, the table is stale. */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { OpenedShapes, sayAsWatch } from '../support/opened-shapes.js';
import { TwinSlots } from '../support/pgoutput.js';

let server: Server;
before(async () => { server = await Server.start(); });
after(() => server.stop());

const EVERYTHING = { tables: undefined, partitions: 'root' } as const;
const AHEAD = /_action\tstale\t_oid\t\d+\t_reason\tthe catalog is ahead of the log$/;

async function polled(t: TestContext, prepare: string): Promise<TwinSlots> {
  const shapes = new OpenedShapes();
  const twin = await TwinSlots.make(t, server, prepare, () => shapes);
  t.after(() => shapes.close());
  const { rows: [{ name }] } = await twin.client.query<{ name: string }>('SELECT current_database() AS name');
  await shapes.open(server.url(name), EVERYTHING);
  return twin;
}

/** Reads behind each statement. */
async function each(twin: TwinSlots, ...statements: string[]): Promise<string[]> {
  const lines: string[] = [];
  for (const statement of statements) {
    await twin.client.query(statement);
    lines.push(...await twin.theirs());
  }
  return lines;
}

const emit = (...texts: string[]) => `SELECT ${texts.map((text) => `pg_logical_emit_message(true, 'deltastream', ${text})`).join(', ')}`;
/** As the watch asks. */
const LOOK = `${sayAsWatch("'seen ' || pg_current_snapshot()")}; ${emit("'look ' || 't'::regclass::oid")}`;
const actions = (lines: readonly string[]) => lines.flatMap((line) => /\t_action\t(schema|create|stale|drop|indexes|comments|insert|update|truncate)/.exec(line)?.[1] ?? []);

test('a change of the shape that a look saw before its first row is exact; one that is seen by the row alone leaves a doubt', async (t) => {
  const twin = await polled(t, 'CREATE TABLE t (id int PRIMARY KEY, v text)');
  const lines = await each(twin, 'INSERT INTO t VALUES (1)', 'ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 5', LOOK, 'INSERT INTO t VALUES (2)', 'CREATE INDEX i ON t (n)', LOOK);
  assert.deepEqual(actions(lines), ['schema', 'insert', 'schema', 'indexes', 'comments', 'insert', 'indexes']);
  assert.ok(lines.some((line) => line.includes('\tn\t3 notnull integer\t_missing\t5')));
  assert.deepEqual(actions(await each(twin, 'ALTER TABLE t ADD COLUMN m int', 'INSERT INTO t VALUES (3)')), ['schema', 'stale', 'insert']);
});

test('the last writer of the catalog is not taken for the one that changed the rows: it may have written over another', async (t) => {
  const twin = await polled(t, 'CREATE TABLE t (id int PRIMARY KEY, v text)');
  await each(twin, 'INSERT INTO t VALUES (1)');
  for (const statement of ['ALTER TABLE t ADD COLUMN c int DEFAULT 5', 'INSERT INTO t VALUES (2)', 'ALTER TABLE t DROP COLUMN c, ADD COLUMN c int DEFAULT 6']) await twin.client.query(statement);
  assert.deepEqual(actions(await twin.theirs()), ['schema', 'stale', 'insert']);
});

test('rows of a shape that the catalog has not any more are written, and the table is stale', async (t) => {
  const twin = await polled(t, 'CREATE TABLE t (id int PRIMARY KEY, v text)');
  await each(twin, 'INSERT INTO t VALUES (1)');
  for (const statement of ['ALTER TABLE t ADD COLUMN n int', "INSERT INTO t VALUES (2, 'x', 3)", 'ALTER TABLE t DROP COLUMN n', 'ALTER TABLE t ADD COLUMN m text']) await twin.client.query(statement);
  const lines = await twin.theirs();
  assert.deepEqual(actions(lines), ['schema', 'stale', 'insert']);
  assert.ok(lines.some((line) => AHEAD.test(line)));
  assert.match(lines.at(-1)!, /_reload\t\d+$/);
});

test('what a savepoint of a transaction that still runs did to a table is not taken for what the log is past', async (t) => {
  const twin = await polled(t, 'CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE o (id int PRIMARY KEY)');
  const { rows: [{ name }] } = await twin.client.query<{ name: string }>('SELECT current_database() AS name');
  const other = await server.client(name);
  t.after(() => other.end());
  await other.query('BEGIN; SAVEPOINT s; INSERT INTO o VALUES (1)');
  await each(twin, 'INSERT INTO t VALUES (1)', 'INSERT INTO o VALUES (2)', LOOK);
  for (const statement of ['ALTER TABLE t ADD COLUMN c int DEFAULT 5', "INSERT INTO t VALUES (2, 'x', 6)", 'INSERT INTO t VALUES (3)']) await twin.client.query(statement);
  await other.query('ALTER TABLE t DROP COLUMN c; ALTER TABLE t ADD COLUMN c int DEFAULT 8; RELEASE s; COMMIT');
  const lines = await twin.theirs();
  assert.deepEqual(actions(lines).slice(0, 2), ['schema', 'stale']);
  assert.ok(!lines.some((line) => line.includes('_missing\t8')));
});

test('several changes before a row is read leave a doubt', async (t) => {
  const twin = await polled(t, 'CREATE TABLE t (id int PRIMARY KEY, v text)');
  await each(twin, 'INSERT INTO t VALUES (1)');
  await each(twin, 'ALTER TABLE t ADD COLUMN n int', LOOK);
  await twin.client.query('ALTER TABLE t ADD COLUMN m int');
  await twin.client.query('INSERT INTO t VALUES (3)');
  await twin.client.query('ALTER TABLE t ALTER COLUMN m SET NOT NULL').catch(() => {});
  await twin.client.query('ALTER TABLE t ALTER COLUMN v SET DEFAULT 1');
  assert.deepEqual(actions(await twin.theirs()), ['schema', 'stale', 'insert']);
});

test('a column dropped and added again, found later, makes the table stale: nobody knows which rows came after it', async (t) => {
  const twin = await polled(t, 'CREATE TABLE t (id int PRIMARY KEY, v text)');
  const lines = await each(twin, "INSERT INTO t VALUES (1, 'old')", 'ALTER TABLE t DROP COLUMN v; ALTER TABLE t ADD COLUMN v text', "INSERT INTO t VALUES (2, 'new')", LOOK);
  assert.deepEqual(actions(lines), ['schema', 'insert', 'insert', 'schema', 'indexes', 'comments', 'stale']);
});

test('rows that were written anew are stale by the first row behind it; a truncate and VACUUM FULL are not', async (t) => {
  const twin = await polled(t, 'CREATE TABLE t (id int PRIMARY KEY, n int)');
  assert.deepEqual(actions(await each(twin, 'INSERT INTO t VALUES (1, 1)', 'ALTER TABLE t ALTER COLUMN n TYPE bigint USING n + 1', 'INSERT INTO t VALUES (2, 2)')), ['schema', 'insert', 'schema', 'stale', 'insert']);
  await each(twin, LOOK);
  assert.deepEqual(actions(await each(twin, 'VACUUM FULL t', 'TRUNCATE t', 'INSERT INTO t VALUES (3, 3)', LOOK)), ['truncate', 'insert']);
});

test('a table that is made where no event trigger is, is newly followed', async (t) => {
  const twin = await polled(t, 'CREATE TABLE other (id int PRIMARY KEY)');
  assert.deepEqual(actions(await each(twin, 'BEGIN; CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); COMMIT')), ['schema', 'stale', 'insert']);
});

test('tables that exchange their names and exchange them back are offered to readers, who put each aside for the other', async (t) => {
  const twin = await polled(t, 'CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1); CREATE TABLE u (id int PRIMARY KEY, v text); INSERT INTO u VALUES (1)');
  const swap = 'BEGIN; ALTER TABLE t RENAME TO x; ALTER TABLE u RENAME TO t; ALTER TABLE x RENAME TO u; COMMIT';
  const { rows: [{ oid }] } = await twin.client.query<{ oid: string }>("SELECT 't'::regclass::oid::text AS oid");
  const lines = await each(twin, 'UPDATE t SET id = 2; UPDATE u SET id = 2', swap, 'UPDATE t SET id = 3', swap, 'UPDATE t SET id = 4');
  assert.match(lines.at(-1)!, new RegExp(`_(?:offer|reload)\\t${oid}$`));
});

test('a truncate of the root explains new files of its partitions only where nothing was written behind it', async (t) => {
  const twin = await polled(t, 'CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20); INSERT INTO p VALUES (1)');
  const moved = sayAsWatch("'moved ' || 'p'::regclass::oid || ' ' || (SELECT xmin FROM pg_class WHERE oid = 'p1'::regclass) || ' partition p1 was truncated'");
  assert.deepEqual(actions(await each(twin, 'INSERT INTO p VALUES (2)', 'TRUNCATE p', moved)), ['schema', 'insert', 'truncate']);
  assert.deepEqual(actions(await each(twin, 'BEGIN; TRUNCATE p; INSERT INTO p VALUES (3), (13); TRUNCATE p1; COMMIT', moved)), ['truncate', 'insert', 'insert', 'stale']);
});

const STATE = { oid: 999_999, schema: 'public', table: 't', name: 'public.t', relkind: 'r', persistence: 'p', identity: 'd', isPartition: false, root: null, made: 3, filenode: 1, attributes: '1', fullLeaves: false, unloggedLeaf: null, columns: [], missing: {}, indexes: [], comments: [] };
const shape = (changed: object) => `'shape ${JSON.stringify({ ...STATE, ...changed })}'`;

test('no message that anybody can send ends the reading of the slot, or is a line that says nonsense', async (t) => {
  const twin = await polled(t, 'CREATE TABLE t (id int PRIMARY KEY, v text)');
  await each(twin, 'INSERT INTO t VALUES (1)');
  const words = ['look', 'stale', 'reload', 'offer', 'made', 'gone', 'broken', 'rewrote', 'moved', 'named', 'seen', 'shape', 'signed'];
  const tails = ['', ' ', ' null', ' -5', ' 0', ' 9999999999', ' 9999999999 x', ' 0 x', ' 16384 9999999999 x', ' [null]', ' 16384 [null,1]', ' 1:2:x', ' {}', ' 99999999999999999999:1:'];
  const lines = await each(twin,
    ...words.flatMap((word) => tails.map((tail) => emit(`'${word}${tail}'`))),
    emit('decode(\'00\', \'hex\')'), emit("convert_to('broken 16384 ', 'UTF8') || decode('00ff', 'hex')"),
    ...[{ oid: -5 }, { oid: '1' }, { columns: [null] }, { columns: [{}] }, { made: undefined }, { missing: null }, { missing: { 1: '' } }, { indexes: [1] }, { comments: [{}] }, { root: 'x' }, { schema: null }, { relkind: 1 }].map((changed) => emit(shape(changed))),
    'INSERT INTO t VALUES (2)', LOOK);
  assert.ok(actions(lines).every((action) => ['schema', 'insert', 'indexes', 'comments'].includes(action)), lines.join('\n'));
  assert.ok(lines.every((line) => !/_(?:reload|offer)/.test(line)), lines.join('\n'));
});

test('messages of anybody make a table stale at most: it was not made, is not gone and has no other shape because they say so', async (t) => {
  const twin = await polled(t, 'CREATE TABLE t (id int PRIMARY KEY, v text)');
  await each(twin, 'INSERT INTO t VALUES (1)');
  const lines = await each(twin,
    emit("'made ' || 't'::regclass::oid", "'gone ' || 't'::regclass::oid"),
    emit(`'shape {"oid":' || 't'::regclass::oid || ',"schema":"public","table":"x","columns":[],"indexes":[],"comments":[],"missing":{}}'`, "'shape {'", "'broken x'", "'seen 1'"),
    emit("'stale ' || 't'::regclass::oid"), 'INSERT INTO t VALUES (2)');
  assert.ok(actions(lines).every((action) => ['schema', 'stale', 'insert', 'indexes', 'comments'].includes(action)), actions(lines).join());
  assert.ok(lines.every((line) => !line.includes('_table\tx\t')));
});
