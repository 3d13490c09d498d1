import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { connect } from '../../src/postgres/connection.js';
import { BLOCK_BYTES, copyOut } from '../../src/postgres/copy.js';

let server: Server;
before(async () => { server = await Server.start({ plugin: false }); });
after(() => server.stop());

async function copied(sql: string): Promise<{ rows: number; blocks: Buffer[] }> {
  const client = await connect(server.url(), { applicationName: 'test' });
  const blocks: Buffer[] = [];
  try {
    return { rows: await copyOut(client, sql, (block) => { blocks.push(Buffer.from(block)); }), blocks };
  } finally {
    await client.end();
  }
}

test('rows come in order, in blocks of whole lines of a bounded size', async () => {
  const { rows, blocks } = await copied("COPY (SELECT i, repeat('x', i % 300) FROM generate_series(1, 20000) AS i) TO STDOUT");
  assert.equal(rows, 20_000);
  assert.ok(blocks.length > 1);
  for (const block of blocks) {
    assert.equal(block.at(-1), 10);
    assert.ok(block.length <= BLOCK_BYTES);
  }
  const expected = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\t${'x'.repeat((i + 1) % 300)}\n`).join('');
  assert.equal(Buffer.concat(blocks).toString(), expected);
});

test('a row larger than a block is a block of its own', async () => {
  const { rows, blocks } = await copied("COPY (SELECT repeat('x', n) FROM unnest(ARRAY[1, 1000000, 2]) AS n) TO STDOUT");
  assert.equal(rows, 3);
  assert.deepEqual(blocks.map(({ length }) => length), [2, 1_000_001, 3]);
});

test('no rows are no blocks', async () => {
  assert.deepEqual(await copied('COPY (SELECT 1 WHERE false) TO STDOUT'), { rows: 0, blocks: [] });
});

test('an error of Postgres in the middle rejects, and the connection goes on', async () => {
  const client = await connect(server.url(), { applicationName: 'test' });
  try {
    await assert.rejects(copyOut(client, 'COPY (SELECT 1 / (500 - i) FROM generate_series(1, 1000) AS i) TO STDOUT', () => {}), /division by zero/);
    assert.equal(await copyOut(client, 'COPY (SELECT 1) TO STDOUT', () => {}), 1);
  } finally {
    await client.end();
  }
});

test('an error of the sink rejects and ends the connection', async () => {
  const client = await connect(server.url(), { applicationName: 'test' });
  let calls = 0;
  const sink = () => { calls += 1; throw new Error('disk full'); };
  await assert.rejects(copyOut(client, "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 100000)) TO STDOUT", sink), /disk full/);
  assert.equal(calls, 1);
  await assert.rejects(client.query('SELECT 1'));
});

test('a lost connection rejects', async () => {
  const client = await connect(server.url(), { applicationName: 'test' });
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  let ended: Promise<unknown> | undefined;
  const sink = () => { ended ??= server.query(`SELECT pg_terminate_backend(${rows[0].pid})`); };
  await assert.rejects(copyOut(client, "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 10000000)) TO STDOUT", sink));
  await ended;
});
