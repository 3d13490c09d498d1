import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type pg from 'pg';
import { Server } from '../../dev/postgres.js';
import { connect } from '../../src/postgres/connection.js';
import { copyMessages, HEADER_BYTES, messageLength, type MessageSink } from '../../src/postgres/copy-messages.js';

let server: Server;
before(async () => { server = await Server.start({ plugin: false }); });
after(() => server.stop());

/** Takes at most so many messages of what it is given, and keeps their rows. */
function taking(limit: number): { readonly rows: Buffer[]; readonly sink: MessageSink } {
  const rows: Buffer[] = [];
  const sink = (messages: Buffer): number => {
    let at = 0;
    for (let n = 0; n < limit; n++) {
      const length = messageLength(messages, at);
      if (length === undefined) break;
      rows.push(Buffer.from(messages.subarray(at + HEADER_BYTES, at + length)));
      at += length;
    }
    return at;
  };
  return { rows, sink };
}

async function connected(work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = await connect(server.url(), { applicationName: 'test' });
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

test('every row comes once and in order, whether the sink takes all messages or one at a time', () => connected(async (client) => {
  const expected = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\t${'x'.repeat((i + 1) % 300)}\n`).join('');
  for (const limit of [Infinity, 1]) {
    const { rows, sink } = taking(limit);
    assert.equal(await copyMessages(client, "COPY (SELECT i, repeat('x', i % 300) FROM generate_series(1, 20000) AS i) TO STDOUT", sink), 20_000);
    assert.equal(Buffer.concat(rows).toString(), expected);
  }
}));

test('rows of any size come whole, and the connection answers behind them', () => connected(async (client) => {
  const { rows, sink } = taking(Infinity);
  const sizes = [1, 1_000_000, 2, 50_000_000, 300_000, 0];
  assert.equal(await copyMessages(client, `COPY (SELECT repeat('x', n) FROM unnest(ARRAY[${sizes.join()}]) AS n) TO STDOUT`, sink), sizes.length);
  assert.deepEqual(rows.map(({ length }) => length), sizes.map((size) => size + 1));
  assert.deepEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }]);
}));

test('no rows are no messages, and a notice between rows is none', () => connected(async (client) => {
  const { rows, sink } = taking(Infinity);
  assert.equal(await copyMessages(client, 'COPY (SELECT 1 WHERE false) TO STDOUT', sink), 0);
  await client.query("CREATE FUNCTION told(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'row %', i; RETURN i; END $$");
  const notices: (string | undefined)[] = [];
  client.on('notice', ({ message }) => notices.push(message));
  assert.equal(await copyMessages(client, 'COPY (SELECT told(i) FROM generate_series(1, 3) AS i) TO STDOUT', sink), 3);
  assert.deepEqual(rows.map(String), ['1\n', '2\n', '3\n']);
  assert.deepEqual(notices, ['row 1', 'row 2', 'row 3']);
}));

test('an error of Postgres in the middle rejects, and the connection goes on', () => connected(async (client) => {
  await assert.rejects(copyMessages(client, 'COPY (SELECT 1 / (500 - i) FROM generate_series(1, 1000) AS i) TO STDOUT', taking(Infinity).sink), /division by zero/);
  await assert.rejects(copyMessages(client, 'COPY missing TO STDOUT', taking(Infinity).sink), /does not exist/);
  assert.equal(await copyMessages(client, 'COPY (SELECT 1) TO STDOUT', taking(Infinity).sink), 1);
}));

test('an error of the sink rejects and ends the connection', async () => {
  const client = await connect(server.url(), { applicationName: 'test' });
  let calls = 0;
  const sink = () => { calls += 1; throw new Error('disk full'); };
  await assert.rejects(copyMessages(client, "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 100000)) TO STDOUT", sink), /disk full/);
  assert.equal(calls, 1);
  await assert.rejects(client.query('SELECT 1'));
});

test('a lost connection rejects', async () => {
  const client = await connect(server.url(), { applicationName: 'test' });
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  let ended: Promise<unknown> | undefined;
  const { sink } = taking(Infinity);
  await assert.rejects(copyMessages(client, "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 1000000)) TO STDOUT", (messages) => {
    ended ??= server.query(`SELECT pg_terminate_backend(${rows[0].pid})`);
    return sink(messages);
  }));
  await ended;
});
