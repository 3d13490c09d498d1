import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { connect } from '../../src/postgres/connection.js';
import { identifySystem, ReplicationStream } from '../../src/postgres/replication.js';
import { confirmed } from '../support/stream.js';
import { until } from '../support/wait.js';

let server: Server;
before(async () => {
  server = await Server.start();
  await server.query('create table t (id int primary key, note text)');
});
after(() => server.stop());

async function slot(name: string): Promise<void> {
  await server.query(`select pg_create_logical_replication_slot('${name}', 'deltastream')`);
}

async function start(t: TestContext, name: string, options: Record<string, string> = {}): Promise<ReplicationStream> {
  const client = await connect(server.url(), { applicationName: 'test', replication: true });
  t.after(() => client.end());
  return ReplicationStream.start(client, name, options, false);
}

/** All lines, until one matches. */
async function linesUntil(stream: ReplicationStream, last: RegExp): Promise<string[]> {
  const lines: string[] = [];
  while (!lines.some((line) => last.test(line))) {
    for (const message of await stream.receive()) if (message.kind === 'data') lines.push(...message.data.toString().split('\n'));
  }
  return lines;
}

test('what waits to be taken is not overwritten by what comes after it, and is bounded', async (t) => {
  await slot('slow');
  await server.query("insert into t select i, repeat(md5(i::text), 1 + i % 20) from generate_series(1, 100000) i");
  const before = process.memoryUsage().arrayBuffers;
  const stream = await start(t, 'slow');
  // Nothing is taken while far more than the queue's limit is sent: the server comes to a halt.
  const sender = "select sent_lsn::text as lsn from pg_stat_replication where application_name = 'test'";
  let last = '';
  await until('the server waits for us', async () => {
    const { lsn } = (await server.query<{ lsn: string }>(sender))[0];
    const waits = await server.query("select 1 from pg_stat_activity where application_name = 'test' and wait_event = 'WalSenderWriteData'");
    const stands = lsn === last && waits.length === 1;
    last = lsn;
    return stands;
  });
  assert.ok(process.memoryUsage().arrayBuffers - before < 32 * 1024 * 1024);
  const rows = (await linesUntil(stream, /\tcommit\t/)).filter((line) => line.includes('\tinsert\t')).map((line) => line.split('\t'));
  assert.equal(rows.length, 100_000);
  for (const [i, fields] of rows.entries()) {
    assert.equal(fields[7], String(i + 1));
    assert.equal(fields[9].length, 32 * (1 + (i + 1) % 20));
    assert.equal(fields[9], fields[9].slice(0, 32).repeat(1 + (i + 1) % 20));
  }
});

test('nothing is confirmed but what is told, and never backwards', async (t) => {
  await slot('told');
  const from = await confirmed(server, 'told');
  const stream = await start(t, 'told');
  await server.query('insert into t values (-1, null)');
  await linesUntil(stream, /\tcommit\t/);
  stream.askKeepalive();
  while (!(await stream.receive()).some(({ kind }) => kind === 'keepalive'));
  assert.equal(await confirmed(server, 'told'), from);
  stream.confirm(from + 16n);
  await until('the slot has it', async () => await confirmed(server, 'told') === from + 16n);
  stream.confirm(from + 8n);
  await stream.finish(5_000);
  assert.equal(await confirmed(server, 'told'), from + 16n);
});

test('a keepalive that is asked for comes behind all that was committed before', async (t) => {
  await slot('asked');
  const stream = await start(t, 'asked', { tables: 'nothing' });
  await server.query('insert into t values (-2, null)');
  const [{ lsn }] = await server.query<{ lsn: string }>("select (pg_current_wal_flush_lsn() - '0/0')::text as lsn");
  await until('the server has read that far', async () => {
    stream.askKeepalive();
    return (await stream.receive()).some((message) => message.kind === 'keepalive' && message.lsn >= BigInt(lsn));
  });
});

test('options reach the plugin as they are, whatever is in them', async (t) => {
  await slot('quoted');
  await server.query(`create schema "It's ""a"""`);
  await server.query(`create table "It's ""a"""."b\\c" (id int primary key)`);
  const stream = await start(t, 'quoted', { tables: `"It's ""a"""."b\\c"` });
  await server.query(`insert into "It's ""a"""."b\\c" values (7)`);
  // The table's own transaction comes first, which may be all that one receive gives.
  await linesUntil(stream, /\tinsert\tid\t7$/);
});

test('what the server refuses is an error with its words', async (t) => {
  await slot('refused');
  await assert.rejects(start(t, 'nosuch'), { code: 'slot', message: /^slot "nosuch": replication slot "nosuch" does not exist/ });
  await assert.rejects(start(t, 'refused', { tables: 'a..b' }), { code: 'postgres', message: /^slot "refused": option "tables"/ });
  await assert.rejects(start(t, 'refused', { nosuch: '1' }), /nosuch/);
});

test('a stream that the server ends is an error that may pass, once what came is taken', async (t) => {
  await slot('ended');
  const stream = await start(t, 'ended');
  await server.query("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'ended'");
  await assert.rejects(async () => { for (;;) await stream.receive(); }, { code: 'connection' });
});

test('a system says who it is', async (t) => {
  const client = await connect(server.url(), { applicationName: 'test', replication: true });
  t.after(() => client.end());
  const [{ system }] = await server.query<{ system: string }>('select system_identifier::text as system from pg_control_system()');
  const identity = await identifySystem(client);
  assert.equal(identity.system, system);
  assert.equal(identity.timeline, 1);
});
