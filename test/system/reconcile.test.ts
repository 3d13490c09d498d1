/** Where history breaks, the log goes on with the differences alone, and every host ends equal, value by value. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { segmentOf } from '../../src/daystream/file-names.js';
import { isSegmentName } from '../../src/daystream/segment.js';
import { TABLES, Broken, changes, FILL, schemaSql } from '../support/broken.js';
import { runCommand } from '../support/path.js';

test('after the slot was dropped, hosts go on with what changed meanwhile', async (t) => {
  const broken = await Broken.start(t);
  await broken.inLog(changes(10));
  await broken.stopStream();
  await broken.server.query("SELECT pg_drop_replication_slot('test')");
  await broken.server.query(`${changes(100)} DROP TABLE going; CREATE TABLE coming (id integer PRIMARY KEY)`);
  const dry = broken.reconciled(undefined, '--dry-run');
  const done = broken.reconciled();
  assert.deepEqual([dry.rows, dry.tables], [done.rows, done.tables]);
  assert.deepEqual(done.tables.filter(({ what }) => what !== 'compared').map(({ table, what }) => [table, what]), [['coming', 'copied'], ['going', 'dropped']]);
  assert.ok(done.rows > 0);
  await broken.ends();
  assert.equal(broken.copies, 1);
});

test('after a slot was dropped and made again beside the log, hosts go on', async (t) => {
  const broken = await Broken.start(t);
  await broken.stopStream();
  await broken.server.query(changes(10));
  await broken.server.query("SELECT pg_drop_replication_slot('test')");
  await broken.server.query(changes(100));
  await broken.server.query("SELECT pg_create_logical_replication_slot('test', 'deltastream')");
  await broken.server.query(changes(200));
  broken.reconciled();
  await broken.ends();
});

test('after an older backup was restored, hosts lose what the server lost', async (t) => {
  const broken = await Broken.start(t);
  const restore = await broken.backUp();
  await broken.inLog(changes(10));
  await broken.stopStream();
  await restore();
  await broken.server.query(changes(100));
  broken.reconciled();
  await broken.ends();
});

test('after a standby was promoted that lacked what the log has, hosts lose it too', async (t) => {
  const broken = await Broken.start(t);
  const restore = await broken.backUp();
  await broken.inLog(changes(10));
  await broken.stopStream();
  await broken.promote(restore);
  broken.reconciled();
  await broken.ends();
});

test('on another system, of other oids and attribute numbers, hosts go on without a copy', async (t) => {
  const broken = await Broken.start(t);
  await broken.inLog(changes(10));
  await broken.stopStream();
  const other = await Server.start();
  t.after(() => other.stop());
  await other.query(`${schemaSql(true)} CREATE TABLE marker (n bigint PRIMARY KEY); ${FILL} ${changes(100)}`);
  const done = broken.reconciled(other.environment());
  assert.deepEqual(done.tables.filter(({ what }) => what === 'copied').map(({ table }) => table), ['before_too']);
  await broken.ends(other);
  assert.equal(broken.copies, 1);
});

test('on a newer major version, dumped and restored and decoded by pgoutput, hosts go on without a copy', async (t) => {
  const broken = await Broken.start(t);
  await broken.inLog(changes(10));
  await broken.stopStream();
  const other = await Server.start({ version: 18 });
  t.after(() => other.stop());
  await other.query(`${schemaSql()} CREATE TABLE marker (n bigint PRIMARY KEY); ${FILL} ${changes(10)} INSERT INTO marker SELECT generate_series(1, 2)`);
  const done = broken.reconciled(other.environment());
  assert.deepEqual(done.tables.map(({ what }) => what).filter((what) => what !== 'compared'), ['dropped']);
  assert.deepEqual(done.tables.filter((table) => table.insert + table.update + table.delete > 0), [], 'what was restored is what the log says');
  await broken.ends(other);
  assert.equal(broken.copies, 0);
});

test('without a cache every table is copied through the log', async (t) => {
  const broken = await Broken.start(t);
  await broken.stopStream();
  await broken.server.query("SELECT pg_drop_replication_slot('test')");
  await broken.server.query(changes(100));
  const { status, stderr } = broken.reconcile();
  assert.equal(status, 0, stderr);
  await broken.ends(undefined, TABLES);
});

test('two breaks in a row are two epochs, also for a host that saw neither, and where all that is closed is compressed', async (t) => {
  const broken = await Broken.start(t);
  const compress = () => broken.path.run('daystream', 'compress', broken.path.log);
  await broken.stopStream();
  await broken.server.query(changes(100));
  const first = broken.reconciled().epoch;
  compress();
  broken.deltastream = broken.path.deltastream();
  await broken.inLog(changes(120));
  await broken.stopStream();
  await broken.server.query(changes(150));
  assert.ok(broken.reconciled().epoch > first);
  compress();
  assert.equal(compressedIn(broken).length, 2);
  await broken.ends();
  await refusesNewSlot(broken);
});

/** A folder that has lost its newest segment, and has compressed ones alone, holds a log all the same. */
async function refusesNewSlot(broken: Broken): Promise<void> {
  const { log, environment } = broken.path;
  await broken.mirror.stop();
  await broken.server.query("SELECT pg_drop_replication_slot('test')");
  for (const name of readdirSync(log).filter(isSegmentName)) rmSync(join(log, name));
  for (const how of ['--create-slot', '--temporary-slot']) {
    const { status, stderr } = runCommand('deltastream', ['--slot', 'test', how, '--out', log], environment);
    assert.notEqual(status, 0);
    assert.match(stderr, /: a new slot would begin later|: holds a log, and a temporary slot begins now/, how);
  }
  assert.deepEqual(await broken.server.query('SELECT slot_name FROM pg_replication_slots'), []);
  assert.equal(compressedIn(broken).length, 2);
}

function compressedIn({ path }: Broken): string[] {
  return readdirSync(path.log).filter((name) => name.endsWith('.gz') && segmentOf(name) !== undefined);
}
