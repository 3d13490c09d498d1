import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { parseLsn } from '../../src/daystream/lsn.js';
import { isSegmentName } from '../../src/daystream/segment.js';
import type { Single } from '../../src/daystream/unit.js';
import { realFiles, type WriterFiles } from '../../src/daystream/writer-files.js';
import { deltastream } from '../../src/deltastream/deltastream.js';
import { Report } from '../../src/deltastream/report.js';
import { temporaryFolder } from '../support/folder.js';
import { readAll } from '../support/log.js';
import { Random } from '../support/random.js';
import { confirmed, follow, insertedIds, range } from '../support/stream.js';
import { until } from '../support/wait.js';

let server: Server;
before(async () => { server = await Server.start(); });
after(() => server.stop());

async function makeSlotAndTable(name: string): Promise<void> {
  await server.query(`create table ${name} (id int primary key, note text)`);
  await server.query(`select pg_create_logical_replication_slot('${name}', 'deltastream')`);
}

function optionsFor(slot: string, out: string) {
  return { pg: server.url(), slot, out, createSlot: false, tables: slot, partitions: 'root' as const, plugin: 'auto' as const, messages: undefined, fsyncIntervalMs: 0, schemaIntervalMs: 10_000, reloadLimitBytes: 1e9, failover: true, slotWarning: 0.8 };
}

test('killed at random moments under load, the log has every commit once and in order', async (t) => {
  await makeSlotAndTable('killed');
  const out = temporaryFolder(t);
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const client = await server.client();
  t.after(() => client.end());
  let written = 0;
  for (let round = 0; round < 8; round++) {
    const running = await follow(t, server, 'killed', out, '--tables', 'killed');
    setTimeout(() => running.child.kill('SIGKILL'), random.below(200));
    while (running.child.signalCode === null) await client.query('insert into killed values ($1)', [++written]);
  }
  await follow(t, server, 'killed', out, '--tables', 'killed');
  await until('the last row is in the log', async () => (await insertedIds(out, 'killed')).includes(written));
  assert.deepEqual(await insertedIds(out, 'killed'), range(written));
});

test('killed between the write and the confirmation, what was not confirmed is not doubled (P1)', async (t) => {
  await makeSlotAndTable('unconfirmed');
  const out = temporaryFolder(t);
  const running = await follow(t, server, 'unconfirmed', out, '--tables', 'unconfirmed', '--fsync-interval', '1h');
  await until('the first confirmation', async () => (await readAll(out)).some(({ kind }) => kind === 'horizon'));
  const before = await confirmed(server, 'unconfirmed');
  await server.query("insert into unconfirmed values (1), (2)");
  await until('readers see the rows', async () => (await insertedIds(out, 'unconfirmed')).length === 2);
  assert.equal(await confirmed(server, 'unconfirmed'), before, 'what is not synced is not confirmed');
  await running.kill('SIGKILL');
  await server.query("insert into unconfirmed values (3)");
  await follow(t, server, 'unconfirmed', out, '--tables', 'unconfirmed');
  await until('the third row is in the log', async () => (await insertedIds(out, 'unconfirmed')).includes(3));
  assert.deepEqual(await insertedIds(out, 'unconfirmed'), [1, 2, 3]);
});

for (const [what, broken] of Object.entries<Partial<WriterFiles>>({
  'a failed sync': { sync: () => Promise.reject(new Error('EIO: i/o error, fsync')) },
  'a full disk': { write: (file, bytes) => { if (bytes.includes('\tnote\t')) throw new Error('ENOSPC: no space left on device, write'); realFiles.write(file, bytes); } },
})) {
  test(`${what} confirms nothing and ends the run; after it, a new run has every commit once (P2)`, async (t) => {
    const slot = what.replaceAll(' ', '_');
    await makeSlotAndTable(slot);
    const out = temporaryFolder(t);
    const before = await confirmed(server, slot);
    await server.query(`insert into ${slot} values (1, 'x')`);
    const said: string[] = [];
    const report = new Report({ write: (text) => said.push(text) });
    await assert.rejects(deltastream(optionsFor(slot, out), new AbortController().signal, report, { ...realFiles, ...broken }), { code: 'io', message: /\.daystream: E(IO|NOSPC)/ });
    assert.equal(await confirmed(server, slot), before);
    await server.query(`insert into ${slot} values (2, 'x')`);
    await follow(t, server, slot, out, '--tables', slot);
    await until('both rows are in the log', async () => (await insertedIds(out, slot)).includes(2));
    assert.deepEqual(await insertedIds(out, slot), [1, 2]);
  });
}

test('a slot whose tables are idle advances beside a busy database', async (t) => {
  await makeSlotAndTable('idle');
  await server.query('create database busy');
  const out = temporaryFolder(t);
  await follow(t, server, 'idle', out, '--tables', 'idle');
  await server.query('create table load as select generate_series(1, 50000)', 'busy');
  await server.query('create table load as select generate_series(1, 50000)');
  const [{ lsn }] = await server.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
  await until('the slot has passed the load', async () => await confirmed(server, 'idle') >= parseLsn(lsn));
  assert.deepEqual(await insertedIds(out, 'idle'), []);
});

test('a server stopped as by a crash is waited for; half a transaction is cut, and every commit is there once', async (t) => {
  const own = await Server.start();
  t.after(() => own.stop());
  await own.query('create table t (id int primary key)');
  const out = temporaryFolder(t);
  const running = await follow(t, own, 'fleet', out, '--create-slot', '--tables', 't');
  await own.query('insert into t select generate_series(1, 1000)');
  await own.query('insert into t select generate_series(1001, 400000)');
  await until('the large transaction begins to arrive', () => logBytes(out) > 1_000_000);
  await own.halt('immediate');
  await running.says(/trying again/);
  await own.launch();
  await own.query('insert into t values (400001)');
  await until('the last row is in the log', async () => (await insertedIds(out, 't')).includes(400_001));
  assert.deepEqual(await insertedIds(out, 't'), range(400_001));
  assert.equal(running.stderr.match(/trying again/g)?.length, 1, 'one line for each change of state');
  assert.equal(running.stderr.match(/following/g)?.length, 2);
});

test('a stop within a giant transaction leaves whole units only, in good order', async (t) => {
  await makeSlotAndTable('giant');
  const out = temporaryFolder(t);
  await server.query('insert into giant select i from generate_series(1, 10) i');
  await server.query('insert into giant select i from generate_series(11, 600000) i');
  const running = await follow(t, server, 'giant', out, '--tables', 'giant');
  await until('the large transaction begins to arrive', () => logBytes(out) > 1_000_000);
  assert.equal(await running.kill('SIGTERM'), 0, running.stderr);
  assert.deepEqual(await insertedIds(out, 'giant'), range(10));
  assert.match(lastLine(out), /\t_crc\t[0-9a-f]{8}$/);
  await follow(t, server, 'giant', out, '--tables', 'giant');
  await until('the transaction is whole', () => /\t_action\t(commit|horizon)\t/.test(lastLine(out)) && logBytes(out) > 20_000_000);
  assert.deepEqual(await insertedIds(out, 'giant'), range(600_000));
});

test('a horizon has a snapshot only where it sees every transaction in the log', async (t) => {
  const own = await Server.start({ settings: { synchronous_standby_names: 'ghost', synchronous_commit: 'local' } });
  t.after(() => own.stop());
  await own.query('create table t (id int primary key)');
  const out = temporaryFolder(t);
  await follow(t, own, 'fleet', out, '--create-slot');
  const waiting = await own.client();
  t.after(() => waiting.end());
  await waiting.query('set synchronous_commit = on');
  const commit = waiting.query('insert into t values (1)'); // committed, and not visible before a standby has it
  await until('the row is in the log', async () => (await insertedIds(out, 't')).length === 1);
  const withoutSnapshot = await until('a horizon follows it', async () => (await horizonsAfterRow(out))[0]);
  assert.equal(withoutSnapshot.line.own.get('_snapshot'), undefined);
  assert.deepEqual(await own.query('select id from t'), []);
  await own.query("alter system set synchronous_standby_names = ''");
  await own.query('select pg_reload_conf()');
  await commit;
  await until('a horizon sees it', async () => (await horizonsAfterRow(out)).some(({ line }) => line.own.get('_snapshot') !== undefined));
});

async function horizonsAfterRow(out: string): Promise<Single[]> {
  const units = await readAll(out);
  const row = units.findIndex(({ kind }) => kind === 'transaction');
  return units.slice(row + 1).filter((unit): unit is Single => unit.kind === 'horizon');
}

test('after a stop the slot has been told all that the log has', async (t) => {
  await makeSlotAndTable('stopped');
  const out = temporaryFolder(t);
  const running = await follow(t, server, 'stopped', out, '--tables', 'stopped', '--fsync-interval', '1h');
  await server.query('insert into stopped values (1)');
  await until('the row is in the log', async () => (await insertedIds(out, 'stopped')).length === 1);
  assert.equal(await running.kill('SIGTERM'), 0);
  const [commitEnd] = (await readAll(out)).flatMap((unit) => (unit.kind === 'transaction' ? [unit.endLsn ?? 0n] : []));
  assert.ok(await confirmed(server, 'stopped') >= commitEnd);
});

function segmentsOf(out: string): string[] {
  return readdirSync(out).filter(isSegmentName).map((name) => join(out, name));
}

function logBytes(out: string): number {
  return segmentsOf(out).reduce((sum, path) => sum + readFileSync(path).length, 0);
}

function lastLine(out: string): string {
  return readFileSync(segmentsOf(out).at(-1) ?? '', 'utf8').trimEnd().split('\n').at(-1) ?? '';
}
