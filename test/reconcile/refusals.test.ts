/** What reconcile refuses, in one line, with the log as it was; and being stopped. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { openCache } from '../../src/sqlite/open.js';
import { readPosition, writePosition } from '../../src/sqlite/position.js';
import { Daemon, Path, runCommand, until } from '../support/path.js';
import { segmentBytes } from '../support/segments.js';

let path: Path;
let folder: string;
let standing: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'deltamirror-test-'));
  path = await Path.on(await Server.start(), folder);
  await path.server.query("CREATE TABLE t (id integer PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' FROM generate_series(1, 1000) i");
  const stream = path.deltastream();
  standing = path.cache('standing.db');
  await path.import('t', standing);
  await path.import('t', path.cache('ahead.db'));
  const mirror = path.mirror(standing);
  await path.caughtUp(standing);
  await path.caughtUp(standing);
  const { stderr } = runCommand('deltaimport', ['--tables', 't', '--where', 't: id > 5', '--source', path.log, path.cache('filtered.db')], path.environment);
  assert.equal(stderr.includes('deltaimport:'), false, stderr);
  const running = runCommand('deltastream', ['reconcile', '--slot', 'test', '--out', path.log], path.environment);
  assert.match(running.stderr, /\.lock: held by deltastream --slot test .* — stop that process first/);
  await path.caughtUp(standing); // what was imported is older than the log's end
  await mirror.stop();
  await stream.stop();
});
after(async () => {
  await path.end();
  rmSync(folder, { recursive: true, force: true });
});

/** What it says where it refuses: one line behind those that say how far it is. The log is as it was. */
function refused(...args: string[]): string {
  const log = segmentBytes(path.log);
  const { status, stdout, stderr } = runCommand('deltastream', ['reconcile', ...args], path.environment);
  assert.equal(status, 1, stderr + stdout);
  assert.ok(segmentBytes(path.log).equals(log));
  assert.deepEqual(readdirSync(path.log).filter((name) => name.endsWith('.new')), []);
  return stderr.trimEnd().split('\n').at(-1)!;
}

const here = (...args: string[]) => refused('--slot', 'test', '--out', path.log, ...args);

test('a folder without a log, and a log of another slot', () => {
  mkdirSync(join(folder, 'empty'));
  assert.match(refused('--slot', 'test', '--out', join(folder, 'empty')), /empty: holds no log that could go on/);
  assert.match(refused('--slot', 'test', '--out', join(folder, 'absent')), /absent/);
  assert.match(refused('--slot', 'other', '--out', path.log), /holds the log of slot "test", not of "other" — --slot test/);
});

test('a cache that is not there, that holds a part, that is ahead, or that a mirror runs on', async () => {
  assert.match(here('--cache', path.cache('none.db')), /none\.db: there is no cache/);
  assert.match(here('--cache', path.cache('filtered.db')), /filtered\.db: was imported with --where for public\.t, so it does not hold all that the log says — keep a cache of whole tables/);
  const ahead = path.cache('ahead.db');
  path.run('deltamirror', '--once', ahead);
  const cache = openCache(ahead);
  const at = readPosition(cache)!;
  writePosition(cache, { ...at, importedAtUs: Date.UTC(2099, 0) * 1000 });
  assert.match(here('--cache', ahead), /ahead\.db: was copied from Postgres at 2099-01-01T00:00:00\.000Z, and the newest line of the log is of 20.*Z: it may have what the log lacks — give a cache that is older/);
  writePosition(cache, { ...at, snapshotLsn: 0xffffff_ffffffffn });
  cache.close();
  assert.match(here('--cache', ahead), /ahead\.db: was copied from Postgres at FFFFFF\/FFFFFFFF, and the log ends at .*: it has what the log lacks — give a cache that is older/);
  const mirror = path.mirror(standing);
  await until('the mirror runs', () => mirror.stderr.includes('following'));
  assert.match(here('--cache', standing), /standing\.db: cannot be brought to the end of the log: .*held by deltamirror/);
  await mirror.stop();
});

test('a slot of somebody else, and one that is being read', async () => {
  const name = (slot: string) => path.server.query(`SELECT pg_drop_replication_slot('test'); SELECT pg_create_logical_replication_slot('test', '${slot}')`);
  await name('test_decoding');
  assert.match(here('--cache', standing), /slot "test": belongs to the plugin test_decoding, deltastream did not make it — choose another --slot/);
  await name('deltastream');
  const reader = new Daemon('deltastream', ['--slot', 'test', '--create-slot', '--out', join(folder, 'second')], path.environment).start();
  await until('it is read', async () => (await path.server.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = 'test' AND active")).length === 1);
  assert.match(here('--cache', standing), /slot "test": is being read by pid \d+ .* — stop that process, then reconcile again/);
  await reader.stop();
});

test('a database without any table is the wrong one', async () => {
  await path.server.query('CREATE DATABASE empty');
  assert.match(here('--cache', standing, '--dry-run', '--pg', path.server.url('empty')), /\/empty: has none of the tables that the log follows — is that the right database\?/);
});

test('stopped while it waits for its slot, it ends at once, says so, and leaves neither slot nor half a log', async () => {
  const blocker = await path.server.client();
  await blocker.query("BEGIN; UPDATE t SET v = 'w' WHERE id = 1");
  const log = segmentBytes(path.log);
  const waiting = new Daemon('deltastream', ['reconcile', '--slot', 'test', '--out', path.log, '--cache', standing], path.environment).start();
  await until('it says whom it waits for', () => /is being made, and waits for pid \d+/.test(waiting.stderr));
  assert.equal(await waiting.stop('SIGTERM'), 1);
  assert.match(waiting.stderr, /the reconciliation was stopped; the log is as it was — start it again when you like/);
  await blocker.query('ROLLBACK');
  await blocker.end();
  assert.ok(segmentBytes(path.log).equals(log));
  await until('no slot is left', async () => (await path.server.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = 'test'")).length === 0);
  assert.deepEqual(readdirSync(folder).filter((name) => name.includes('.reconcile-')), []);
});

test('killed in the middle, it leaves a mark: deltastream follows no slot until a reconciliation has ended', async () => {
  const blocker = await path.server.client();
  await blocker.query("BEGIN; UPDATE t SET v = 'w' WHERE id = 1");
  const log = segmentBytes(path.log);
  const kept = ['.slot.json', '.catalog.json'].map((name) => readFileSync(join(path.log, name)));
  const killed = new Daemon('deltastream', ['reconcile', '--slot', 'test', '--out', path.log, '--cache', standing], path.environment).start();
  await until('it has begun', () => /is being made, and waits for pid \d+/.test(killed.stderr));
  await killed.stop('SIGKILL');
  await blocker.query('ROLLBACK');
  await blocker.end();
  await until('its slot is gone, or free', async () => (await path.server.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = 'test' AND active")).length === 0);
  await path.server.query("SELECT pg_create_logical_replication_slot('test', 'deltastream') WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = 'test')");
  const { status, stderr } = runCommand('deltastream', ['--slot', 'test', '--out', path.log], path.environment);
  assert.equal(status, 1);
  assert.match(stderr, /a reconciliation was begun and did not end: slot "test" may be of another history than the log — deltastream reconcile --slot test/);
  assert.ok(segmentBytes(path.log).equals(log));
  assert.deepEqual(['.slot.json', '.catalog.json'].map((name) => readFileSync(join(path.log, name))), kept);
  path.run('deltastream', 'reconcile', '--slot', 'test', '--out', path.log, '--cache', standing);
  assert.deepEqual(readdirSync(path.log).filter((name) => name === '.reconciling' || name === '.slot.json'), []);
  const stream = new Daemon('deltastream', ['--slot', 'test', '--out', path.log], path.environment).start();
  await until('it follows', () => stream.stderr.includes('following slot'));
  await stream.stop();
});
