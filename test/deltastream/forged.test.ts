/** Whoever may merely connect can send control messages: none of them makes the log say what is not so. */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { LETTER } from '../../src/postgres/pgoutput/messages.js';
import { commentOf } from '../../src/postgres/publication-change.js';
import { INSTALL } from '../../src/postgres/triggers-sql.js';
import { OpenedShapes } from '../support/opened-shapes.js';
import { TwinSlots } from '../support/pgoutput.js';

let server: Server;
before(async () => {
  server = await Server.start();
  await server.query('CREATE ROLE mallory');
});
after(() => server.stop());

const EVERYTHING = { tables: undefined, partitions: 'root' } as const;
const T = 'CREATE TABLE t (id int PRIMARY KEY, a int, b int); INSERT INTO t VALUES (1, 1, 10)';
const PUBLICATION = `CREATE PUBLICATION p FOR TABLE t WITH (publish_via_partition_root = true); COMMENT ON PUBLICATION p IS '${commentOf(EVERYTHING)}'`;

async function opened(t: TestContext, prepare: string): Promise<TwinSlots> {
  const shapes = new OpenedShapes();
  const twin = await TwinSlots.make(t, server, prepare, () => shapes, { publication: PUBLICATION });
  t.after(() => shapes.close());
  const { rows: [{ name }] } = await twin.client.query<{ name: string }>('SELECT current_database() AS name');
  await shapes.open(server.url(name), EVERYTHING);
  return twin;
}

/** In one transaction of a role without rights. */
async function forge(twin: TwinSlots, ...texts: string[]): Promise<void> {
  await twin.client.query('BEGIN; SET LOCAL ROLE mallory');
  for (const text of texts) await twin.client.query("SELECT pg_logical_emit_message(true, 'deltastream', $1::text)", [text]);
  await twin.client.query('COMMIT');
}

/** A state as the event triggers send it. */
function stateOf(oid: number, columns: readonly string[], attnums: readonly number[]): string {
  const index = { oid, name: 'i', primary: true, replicaIdentity: false, immediate: true, valid: true, partial: false, method: 'btree', attnums: [1], descending: [false] };
  return `shape ${JSON.stringify({
    oid, schema: 'public', table: 't', name: 'public.t', relkind: 'r', persistence: 'p', identity: 'd', isPartition: false, root: null, made: 3, filenode: 1, attributes: '1', fullLeaves: false, unloggedLeaf: null,
    columns: columns.map((name, i) => ({ oid, attnum: attnums[i], name, notNull: i === 0, type: 'integer', generated: false, typeOid: 23, base: 23, typmod: -1 })),
    missing: {}, indexes: [index], comments: [],
  })}`;
}

async function oidOf(twin: TwinSlots): Promise<number> {
  return (await twin.client.query<{ oid: number }>("SELECT 't'::regclass::oid::int8::float8 AS oid")).rows[0].oid;
}

/** What the event triggers said, as anybody sees it who reads the WAL. */
function signedIn(messages: readonly Buffer[]): string[] {
  return messages.filter((message) => message[0] === LETTER.message).map((message) => message.toString('latin1')).flatMap((text) => /signed .*$/s.exec(text)?.[0] ?? []);
}

test('a table that does not exist is not made by who says so', async (t) => {
  const twin = await opened(t, `${T}; ${INSTALL}`);
  await forge(twin, stateOf(999_999, ['id', 'a', 'b'], [1, 2, 3]), 'made 999999');
  assert.deepEqual(await twin.theirs(), []);
});

test('a table has no other shape because somebody says so, whatever the catalog is ahead by', async (t) => {
  const twin = await opened(t, `${T}; ${INSTALL}`);
  await twin.client.query('UPDATE t SET a = 2');
  await forge(twin, stateOf(await oidOf(twin), ['id', 'a', 'b'], [1, 3, 2]));
  await twin.client.query('INSERT INTO t VALUES (7, 70, 700)');
  await twin.client.query('CREATE INDEX ON t (a)');
  const lines = await twin.theirs();
  assert.deepEqual(lines.filter((line) => line.includes('_action\tschema') && !line.includes('\ta\t2 null integer\tb\t3 null integer')), []);
  assert.deepEqual(lines, await twin.ours());
});

test('nobody says for the watch what the log is past, or what is gone', async (t) => {
  const twin = await opened(t, T);
  await twin.client.query('UPDATE t SET a = 2');
  await forge(twin, 'seen 1099511627776:1099511627776:', `gone ${await oidOf(twin)}`, 'broken 1 x');
  for (const statement of ['ALTER TABLE t ADD COLUMN c int DEFAULT 5', 'INSERT INTO t VALUES (6, 6, 6)', 'ALTER TABLE t DROP COLUMN c', 'ALTER TABLE t ADD COLUMN c int DEFAULT 6']) await twin.client.query(statement);
  const lines = await twin.theirs();
  assert.ok(lines.some((line) => line.includes('_action\tstale')), lines.join('\n'));
  assert.ok(lines.every((line) => !line.includes('_action\tdrop')), lines.join('\n'));
});

test('what the event triggers said in one transaction says nothing in another', async (t) => {
  const twin = await opened(t, `${T}; ${INSTALL}`);
  await twin.client.query('ALTER TABLE t ADD COLUMN c int; INSERT INTO t VALUES (2, 2, 2, 2)');
  const messages = await twin.messages();
  const signed = signedIn(messages);
  assert.ok(signed.some((text) => text.includes(' shape ')));
  await forge(twin, ...signed);
  await twin.client.query("ALTER TABLE t DROP COLUMN b; INSERT INTO t VALUES (3); COMMENT ON TABLE t IS 'later'");
  assert.deepEqual([...await twin.translate(messages), ...await twin.theirs()], await twin.ours());
});

test('the secret is in no log, and for nobody but its owner and whom he gives it', async (t) => {
  const twin = await opened(t, T);
  await twin.client.query(`BEGIN; ${INSTALL} COMMIT`);
  const secret = async () => (await twin.client.query<{ value: Buffer }>('SELECT value FROM deltastream.secret')).rows[0].value;
  const value = await secret();
  assert.equal(value.length, 32);
  await twin.client.query(`BEGIN; ${INSTALL} COMMIT; CREATE TABLE u (id int PRIMARY KEY)`);
  assert.deepEqual(await secret(), value);
  for (const lines of [await twin.ours(), await twin.theirs()]) assert.ok(!lines.some((line) => line.includes(value.toString('hex')) || line.includes('_table\tsecret')), lines.join('\n'));
  await twin.client.query('GRANT USAGE ON SCHEMA deltastream TO mallory; SET ROLE mallory');
  await assert.rejects(secret(), /permission denied/);
  await twin.client.query('RESET ROLE');
});

test('event triggers that come while the slot is read are heard from the second schema change on', async (t) => {
  const twin = await opened(t, T);
  await twin.client.query(`UPDATE t SET a = 2; ${INSTALL}`);
  await twin.client.query('ALTER TABLE t ADD COLUMN c int');
  await twin.theirs();
  await twin.ours();
  for (const statement of ['ALTER TABLE t ADD COLUMN d int DEFAULT 1', 'INSERT INTO t VALUES (2)', 'ALTER TABLE t DROP COLUMN d']) await twin.client.query(statement);
  const lines = await twin.theirs();
  assert.ok(!lines.some((line) => line.includes('_action\tstale')), lines.join('\n'));
  assert.deepEqual(lines.filter((line) => line.includes('_action\tinsert')), (await twin.ours()).filter((line) => line.includes('_action\tinsert')));
});
