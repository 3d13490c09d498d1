import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type pg from 'pg';
import { Server } from '../../dev/postgres.js';
import { connect } from '../../src/postgres/connection.js';
import { checkSlotName, createSlot, dropSlot, readSlot } from '../../src/postgres/slot.js';

let server: Server;
let client: pg.Client;
before(async () => {
  server = await Server.start();
  client = await connect(server.url(), { applicationName: 'test' });
});
after(async () => {
  await client.end();
  await server.stop();
});

test('a slot is made permanent with our plugin, read, and dropped', async () => {
  assert.equal(await readSlot(client, 'fleet'), undefined);
  await createSlot(client, 'fleet', 'deltastream');
  const slot = await readSlot(client, 'fleet');
  assert.ok(slot !== undefined);
  const { restartLsn, confirmedFlushLsn, ...rest } = slot;
  assert.deepEqual(rest, {
    name: 'fleet', plugin: 'deltastream', database: 'postgres', temporary: false, activePid: null, activeApplication: null,
    activeAddress: null, walStatus: 'reserved', invalidationReason: null,
  });
  for (const lsn of [restartLsn, confirmedFlushLsn]) assert.match(lsn ?? '', /^[0-9A-F]+\/[0-9A-F]+$/);
  await dropSlot(client, 'fleet');
  assert.equal(await readSlot(client, 'fleet'), undefined);
});

test('what Postgres refuses has the slot and the cure in its error', async () => {
  await createSlot(client, 'once', 'deltastream');
  await assert.rejects(createSlot(client, 'once', 'deltastream'), { code: 'postgres', message: /^slot "once": .*already exists/ });
  await assert.rejects(dropSlot(client, 'never'), { code: 'slot', message: /^slot "never": .*does not exist/ });
});

test('a slot name is what Postgres takes for one', () => {
  for (const name of ['a', 'fleet_7', 'x'.repeat(63)]) assert.equal(checkSlotName(name), name);
  for (const name of ['', 'Fleet', 'a-b', 'a b', 'é', 'x'.repeat(64)]) assert.throws(() => checkSlotName(name), { code: 'usage' });
});
