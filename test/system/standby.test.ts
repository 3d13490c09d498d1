/** What a standby may be used for: an import reads it; a log is not fed by one with pgoutput. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Server } from '../../dev/postgres.js';
import { readPosition } from '../../src/sqlite/position.js';
import { openReader } from '../../src/sqlite/open.js';
import { temporaryFolder } from '../support/folder.js';
import { Path, runCommand, until } from '../support/path.js';
import { Random } from '../support/random.js';
import { runToEnd } from '../support/stream.js';

const WRITERS = 3;
const IMPORTS = 2;

/** A primary with its standby; the standby runs the programs of the primary and ends before it. */
async function pathWithStandby(t: TestContext, prepare: string): Promise<{ path: Path; standby: Server }> {
  const primary = await Server.start();
  let standby: Server | undefined;
  const path = await Path.on(primary, temporaryFolder(t));
  t.after(async () => {
    await standby?.stop();
    await path.end();
  });
  await primary.query(prepare);
  standby = await Server.standbyOf(primary, { max_standby_streaming_delay: '-1' });
  return { path, standby };
}

/** Changes rows one transaction after another until it is told to stop. */
async function write(server: Server, random: Random, isOver: () => boolean): Promise<number> {
  const client = await server.client();
  let transactions = 0;
  try {
    for (; !isOver(); transactions++) {
      const id = random.below(2000);
      await client.query(random.below(3) === 0
        ? `delete from t where id = ${id}`
        : `insert into t values (${id}, 1, 'a') on conflict (id) do update set n = t.n + 1, note = md5(t.note)`);
      if (random.below(20) === 0) await client.query(`begin; update t set n = n + 1 where id % 7 = ${random.below(7)}; commit`);
      await turn();
    }
  } finally {
    await client.end();
  }
  return transactions;
}

test('imports from a standby join the log of its primary without a gap, while writers go on', async (t) => {
  const { path, standby } = await pathWithStandby(t, "create table t (id int primary key, n int, note text); insert into t select i, 0, 'note' from generate_series(0, 1999, 2) i");
  path.deltastream();
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  let isOver = false;
  const writers = Array.from({ length: WRITERS }, () => write(path.server, random, () => isOver));
  const caches = Array.from({ length: IMPORTS }, (_, i) => path.cache(`from-standby-${i}.db`));
  for (const cache of caches) {
    await until('the import', async () => {
      const daemon = path.daemon('deltaimport', '--tables', 't,marker', '--source', path.log, '--pg', standby.url(), cache);
      const status = await daemon.ended();
      // Where every snapshot met a commit it says that it is busy; whoever types it types it again.
      assert.ok(status === 0 || daemon.stderr.includes('no horizon fits a snapshot'), daemon.stderr);
      return status === 0;
    });
    path.mirror(cache);
  }
  isOver = true;
  const transactions = (await Promise.all(writers)).reduce((sum, count) => sum + count, 0);
  t.diagnostic(`${transactions} transactions meanwhile`);
  await path.caughtUp(...caches);
  for (const cache of caches) {
    assert.ok(await path.compare(cache, ['t', 'marker']) > 0);
    const reader = openReader(cache);
    assert.equal(readPosition(reader)?.snapshot, null);
    reader.close();
  }
});

test('an import from a standby that replays nothing more takes what there is, and the mirror adds the rest', async (t) => {
  const { path, standby } = await pathWithStandby(t, 'create table t (id int primary key); insert into t select generate_series(1, 100)');
  path.deltastream();
  await until('the log to begin', async () => runCommand('daystream', ['ls', path.log]).status === 0);
  await standby.query('select pg_wal_replay_pause()');
  await path.server.query('insert into t select generate_series(101, 200); delete from t where id <= 50');
  const cache = path.cache();
  const daemon = path.daemon('deltaimport', '--tables', 't,marker', '--source', path.log, '--pg', standby.url(), cache);
  assert.equal(await daemon.ended(), 0, daemon.stderr);
  const reader = openReader(cache);
  assert.equal(reader.prepare('select count(*) from t').pluck().get(), 100);
  reader.close();
  const mirror = path.mirror(cache);
  await path.caughtUp(cache);
  assert.equal(await path.compare(cache, ['t', 'marker']), 151);
  await mirror.stop();
  const into = runCommand('deltaimport', ['--table', 't', '--pg', standby.url(), '--into', cache]);
  assert.equal(into.status, 1);
  assert.match(into.stderr, /a hot standby, of which a cache can be made, but no table for one that is there — give --pg the address of the primary/);
});

test('PostgreSQL 18: a standby is not followed with pgoutput: what schema changes do could not be known there', async (t) => {
  const primary = await Server.start({ version: 18 });
  let standby: Server | undefined;
  t.after(async () => {
    await standby?.stop();
    await primary.stop();
  });
  await primary.query('create table t (id int primary key)');
  standby = await Server.standbyOf(primary);
  const run = await runToEnd('--slot', 'fleet', '--out', temporaryFolder(t), '--create-slot', '--plugin', 'pgoutput', '--pg', standby.url());
  assert.equal(run.code, 1);
  assert.match(run.stderr, /server: is a standby, where schema changes cannot be followed with pgoutput — give --pg the address of the primary/);
});
