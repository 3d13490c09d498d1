import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { temporaryFolder } from '../support/folder.js';
import { openWriter } from '../support/log.js';
import { SMALL_WAL, writeWal } from '../support/small-wal.js';
import { follow, insertedIds, runToEnd } from '../support/stream.js';
import { until } from '../support/wait.js';

let server: Server;
before(async () => { server = await Server.start(SMALL_WAL); });
after(() => server.stop());

async function statusOf(...args: string[]) {
  return runToEnd('status', '--pg', server.url(), ...args);
}

test('a slot that is read and a log that follows are healthy; the same words stand in the log of the program', async (t) => {
  const out = temporaryFolder(t);
  await server.query('create table well (id int primary key)');
  const running = await follow(t, server, 'well', out, '--create-slot', '--tables', 'well');
  await server.query('insert into well values (1)');
  await until('the row is in the log', async () => (await insertedIds(out, 'well')).length === 1);
  const words = /slot "well": wal_status reserved, is read, keeps [\d.]+ \w+ of WAL, unconfirmed [\d.]+ \w+, keeps catalog rows for \d+ transactions, \d+% of max_slot_wal_keep_size 8\.4 MB: it is lost after [\d.]+ MB more; when it is no longer wanted: deltastream drop --slot well\n/;
  await running.says(words);
  const said = await statusOf('--slot', 'well', '--out', out);
  assert.equal(said.code, 0, said.stdout + said.stderr);
  assert.match(said.stdout, words);
  assert.match(said.stdout, /\nlog \S+: complete up to \S+, behind [\d.]+ \w+, newest horizon \d+ s old, copies due 0\nhealthy\n$/);
  const json = JSON.parse((await statusOf('--slot', 'well', '--out', out, '--json')).stdout);
  assert.equal(json.healthy, true);
  assert.equal(json.slot.active, true);
  assert.equal(json.slot.limitBytes, 8 * 1024 * 1024);
  assert.ok(json.slot.retainedBytes >= 0 && json.log.behindBytes >= 0 && json.log.horizonAgeSeconds < 30);
  assert.equal(json.log.copiesDue, 0);
});

test('a slot that nobody reads, that uses much of its limit, or that is not there, is unhealthy, with what to type', async (t) => {
  await server.query("select pg_create_logical_replication_slot('alone', 'deltastream')");
  t.after(() => server.query("select pg_drop_replication_slot('alone')"));
  const alone = await statusOf('--slot', 'alone');
  assert.equal(alone.code, 1);
  assert.match(alone.stdout, /\nunhealthy: slot "alone": nobody reads it — start it: deltastream --slot alone --out DIR\n$/);
  await writeWal(server, 5);
  assert.match((await statusOf('--slot', 'alone', '--slot-warning', '50%')).stdout, /\nunhealthy: slot "alone": uses \d+% of max_slot_wal_keep_size, and is lost beyond it — let its reader catch up, or ALTER SYSTEM/);
  const none = await statusOf('--slot', 'none', '--json');
  assert.equal(none.code, 1);
  assert.deepEqual(JSON.parse(none.stdout), { healthy: false, complaints: [{ what: 'slot "none": does not exist', cure: 'deltastream --slot none --create-slot --out DIR' }], slot: null, log: null });
});

test('a log whose newest horizon is old is unhealthy', async (t) => {
  const out = temporaryFolder(t);
  const writer = await openWriter(out);
  writer.horizon(0x2000n, BigInt(Date.now() - 95_000) * 1000n, undefined);
  writer.write();
  writer.close();
  const said = await statusOf('--slot', 'none', '--out', out);
  assert.equal(said.code, 1);
  assert.match(said.stdout, /\nunhealthy: slot "none": does not exist — deltastream reconcile --slot none --out \S+ --cache FILE\nunhealthy: \S+: its newest horizon is 9\d s old: /);
});

test('a slot and a log that do not meet are unhealthy, and only a reconcile cures it', async (t) => {
  await server.query("select pg_create_logical_replication_slot('apart', 'deltastream')");
  t.after(() => server.query("select pg_drop_replication_slot('apart')"));
  for (const [lsn, what] of [[0x2000n, /begins at \S+, the log in \S+ ends at 0\/2000: what lies between is in neither/], [0xFFFFFFFFFFn, /the WAL of its server ends at \S+, before the log in \S+ \(FF\/FFFFFFFF\)/]] as const) {
    const out = temporaryFolder(t);
    const writer = await openWriter(out);
    writer.horizon(lsn, BigInt(Date.now()) * 1000n, undefined);
    writer.write();
    writer.close();
    const said = JSON.parse((await statusOf('--slot', 'apart', '--out', out, '--json')).stdout);
    assert.equal(said.complaints.length, 1, JSON.stringify(said));
    assert.match(said.complaints[0].what, what);
    assert.match(said.complaints[0].cure, /^deltastream reconcile --slot apart --out \S+ --cache FILE$/);
  }
});

test('a share that is none is a usage error', async () => {
  for (const wrong of ['80', '0%', '101%', 'much']) assert.equal((await statusOf('--slot', 'x', '--slot-warning', wrong)).code, 2, wrong);
});
