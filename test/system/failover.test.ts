/** A standby takes over: with a failover slot that holds all of the log it is followed on, else it is refused before a line is written. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Server, type ServerOptions } from '../../dev/postgres.js';
import { compareAll } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { Forwarder } from '../support/forwarder.js';
import { runCommand } from '../support/path.js';
import { segmentBytes } from '../support/segments.js';
import { insertedIds, range, Running, runToEnd } from '../support/stream.js';
import { until } from '../support/wait.js';

/** Ends in the right order: a standby runs the programs of its primary. */
async function pair(t: TestContext, options: ServerOptions, prepare: string, settings: Record<string, string> = {}): Promise<{ primary: Server; standby: Server }> {
  const primary = await Server.start(options);
  let standby: Server | undefined;
  t.after(async () => {
    await standby?.stop();
    await primary.stop();
  });
  await primary.query('create table t (id int primary key)');
  if (prepare !== '') await primary.query(prepare);
  standby = await Server.standbyOf(primary, settings);
  return { primary, standby };
}

async function replayed(primary: Server, standby: Server): Promise<void> {
  const [{ lsn }] = await primary.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
  await until('the standby has all', async () => (await standby.query(`select where pg_last_wal_replay_lsn() >= '${lsn}'`)).length === 1);
}

async function promote(server: Server): Promise<void> {
  await server.query('select pg_promote()');
  await until('it is a primary', async () => (await server.query('select where not pg_is_in_recovery()')).length === 1);
}

function stream(t: TestContext, url: string, out: string, ...more: string[]): Running {
  const running = new Running(['--pg', url, '--slot', 'fleet', '--out', out, '--tables', 't', ...more]);
  t.after(() => running.kill('SIGKILL'));
  return running;
}

async function inLog(out: string, count: number): Promise<void> {
  await until(`${count} rows are in the log`, async () => (await insertedIds(out, 't')).length === count);
}

for (const version of [17, 18] as const) {
  test(`PostgreSQL ${version}: a failover slot is made, and followed on after a switch-over, also by a deltastream that starts anew`, async (t) => {
    const settings = { hot_standby_feedback: 'on', primary_slot_name: 'copy', sync_replication_slots: 'on' };
    const { primary, standby } = await pair(t, { version }, '', settings);
    await primary.query("select pg_create_physical_replication_slot('copy')");
    const address = await Forwarder.to(t, primary);
    const out = temporaryFolder(t);
    const running = stream(t, address.url, out, '--create-slot');
    await running.says(/made slot "fleet", a failover slot; when it is no longer wanted/);
    await running.says(/following slot/);
    await primary.query('insert into t values (1)');
    await inLog(out, 1);
    const cache = join(temporaryFolder(t), 'cache.db');
    const imported = runCommand('deltaimport', ['--tables', 't', '--source', out, '--pg', primary.url(), cache]);
    assert.equal(imported.status, 0, imported.stderr);
    await until('the standby has the slot', async () => {
      await primary.query('select pg_log_standby_snapshot()');
      return (await standby.query("select from pg_replication_slots where slot_name = 'fleet' and synced and not temporary and invalidation_reason is null")).length === 1;
    });
    await primary.query('insert into t values (2)');
    await inLog(out, 2);
    await replayed(primary, standby);
    await primary.halt('fast');
    await promote(standby);
    address.lead(standby);
    await running.says(/was promoted at \S+, timeline 2; it has all that the log in /);
    await standby.query('insert into t values (3)');
    await inLog(out, 3);
    assert.match(segmentBytes(out).toString(), /_action\thorizon\t[^\n]*\t_timeline\t2\t/);
    assert.equal(await running.kill('SIGTERM'), 0);
    const again = stream(t, standby.url(), out);
    await again.says(/following slot/);
    await standby.query('insert into t values (4)');
    await inLog(out, 4);
    assert.deepEqual(await insertedIds(out, 't'), range(4));
    assert.equal(again.stderr.includes('was promoted'), false, again.stderr);
    await again.kill('SIGTERM');
    const mirrored = runCommand('deltamirror', ['--once', cache]);
    assert.equal(mirrored.status, 0, mirrored.stderr);
    const client = await standby.client();
    assert.equal(await compareAll(client, cache, ['t']), 4);
    await client.end();
    await primary.launch();
    const back = await runToEnd('--slot', 'fleet', '--out', out, '--tables', 't', '--pg', primary.url());
    assert.equal(back.code, 1);
    assert.match(back.stderr, /holds the log of timeline 2, not of timeline 1: after a failover, commits in the log may be lost in Postgres — deltastream reconcile --slot fleet/);
  });
}

test('PostgreSQL 17: --no-failover makes a slot that goes with its server', async (t) => {
  const server = await Server.start({ version: 17 });
  t.after(() => server.stop());
  await server.query('create table t (id int primary key)');
  const running = stream(t, server.url(), temporaryFolder(t), '--create-slot', '--no-failover');
  await running.says(/made slot "fleet"; when it is no longer wanted/);
  assert.deepEqual(await server.query('select failover from pg_replication_slots'), [{ failover: false }]);
});

test('a promoted standby that lacks commits of the log is refused before a line is written, whatever slot it has', async (t) => {
  const { primary, standby } = await pair(t, {}, '');
  const address = await Forwarder.to(t, primary);
  const out = temporaryFolder(t);
  const running = stream(t, address.url, out, '--create-slot');
  await running.says(/following slot/);
  await primary.query('insert into t values (1)');
  await inLog(out, 1);
  await replayed(primary, standby);
  await standby.halt('fast');
  await primary.query('insert into t select generate_series(2, 1000)');
  await inLog(out, 1000);
  await primary.halt('immediate');
  await standby.launch();
  await promote(standby);
  await standby.query("select pg_create_logical_replication_slot('fleet', 'deltastream')");
  await standby.query('insert into t select generate_series(2001, 9000)'); // past the end of the log
  const bytes = segmentBytes(out);
  address.lead(standby);
  assert.equal(await running.exited, 1, running.stderr);
  assert.match(running.stderr, /\ndeltastream: \S+: holds the log of timeline 1, not of timeline 2, which began at \S+ where the log ends at \S+: after a failover, commits in the log may be lost in Postgres — deltastream reconcile --slot fleet --out \S+ --cache FILE\n$/);
  assert.deepEqual(segmentBytes(out), bytes);
  assert.match((await runToEnd('--slot', 'fleet', '--out', out, '--tables', 't', '--pg', standby.url())).stderr, /holds the log of timeline 1, not of timeline 2/);
});

test('a promoted standby that has all of the log, but a slot of its own, is refused: what was committed between is in neither', async (t) => {
  const { primary, standby } = await pair(t, {}, '');
  const out = temporaryFolder(t);
  const running = stream(t, primary.url(), out, '--create-slot');
  await running.says(/following slot/);
  await primary.query('insert into t values (1)');
  await inLog(out, 1);
  assert.equal(await running.kill('SIGTERM'), 0);
  await replayed(primary, standby);
  await primary.halt('fast');
  await promote(standby);
  const run = () => runToEnd('--slot', 'fleet', '--out', out, '--tables', 't', '--pg', standby.url(), '--create-slot');
  assert.match((await run()).stderr, /slot "fleet": does not exist, and \S+ holds its log: .* — deltastream reconcile/);
  await standby.query('insert into t values (2)');
  await standby.query("select pg_create_logical_replication_slot('fleet', 'deltastream')");
  assert.match((await run()).stderr, /slot "fleet": begins at \S+, the log in .* ends at \S+: it was moved or made anew, .* — deltastream reconcile/);
  assert.deepEqual(await insertedIds(out, 't'), [1]);
});
