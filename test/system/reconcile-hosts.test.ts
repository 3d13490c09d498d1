/** What a break of history meets: writers that go on, hosts that chose, programs that are killed, tables that waited, another plugin. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openReader } from '../../src/sqlite/open.js';
import { Broken, changes, statesOf } from '../support/broken.js';
import { Daemon, runCommand, until } from '../support/path.js';

/** Every row of a table of a cache, in no order. */
function rowsOf(cache: string, table: string): string[] {
  const reader = openReader(cache);
  try {
    return reader.prepare(`SELECT * FROM "${table}"`).raw().safeIntegers().all().map((row) => JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? String(value) : value))).sort();
  } finally {
    reader.close();
  }
}

test('writers go on while a log is reconciled: each of their commits is in the differences or in the stream, once', async (t) => {
  const broken = await Broken.start(t);
  await broken.stopStream();
  await broken.server.query("SELECT pg_drop_replication_slot('test')");
  await broken.server.query(changes(10));
  let going = true;
  const writers = [1, 2, 3].map(async (writer) => {
    const client = await broken.server.client();
    for (let n = 0; going; n++) {
      await client.query(`BEGIN; UPDATE wide SET n = coalesce(n, 0) + 1, t = '${writer} ${n}' WHERE id = ${((n * 37) % 600) * 3 + writer}; INSERT INTO pages VALUES ('w${writer}', ${n}); INSERT INTO parts VALUES (${writer * 30_000 + n}, 'w'); DELETE FROM parts WHERE id = ${writer * 30_000 + n - 5}; COMMIT`);
      if (n % 10 === 0) await client.query(`BEGIN; UPDATE pairs SET v = '${n}' WHERE b = ${writer * 20 + (n % 20)}; SAVEPOINT s; DELETE FROM pairs WHERE b = ${writer * 20}; ROLLBACK TO s; COMMIT`);
    }
    await client.end();
  });
  try {
    const cached = new Daemon('deltastream', ['reconcile', '--slot', 'test', '--out', broken.path.log, '--cache', broken.standing], broken.path.environment).start();
    assert.equal(await cached.ended(), 0, cached.stderr);
    await sleep(300); // commits behind the epoch, before anybody reads the slot
  } finally {
    going = false;
    await Promise.all(writers);
  }
  await broken.ends();
});

test('hosts that chose rows, columns, names and rounded numbers have what a new import of the same choice has', async (t) => {
  const broken = await Broken.start(t);
  const choice = ['--where', "wide: id < 900 AND t LIKE 'row%'", '--columns', 'wide=id,t,n,flag', '--rename', 'pairs=couples', '--rename', 'pairs.v=value', '--where', "pages: url <> 'page7'", '--numeric', 'real'];
  const chosen = (name: string) => {
    const cache = broken.path.cache(name);
    const { status, stderr } = runCommand('deltaimport', ['--tables', 'wide,pairs,pages,marker', ...choice, '--source', broken.path.log, cache], broken.path.environment);
    assert.equal(status, 0, stderr);
    return cache;
  };
  const before = chosen('before.db');
  await broken.inLog(changes(10));
  await broken.stopStream();
  await broken.server.query("SELECT pg_drop_replication_slot('test')");
  await broken.server.query(`${changes(100)} UPDATE wide SET flag = NOT flag WHERE id % 5 = 0; UPDATE wide SET id = -id WHERE id % 99 = 0`);
  broken.reconciled();
  broken.path.run('deltamirror', '--once', before);
  const after = chosen('after.db');
  for (const table of ['wide', 'couples', 'pages', 'marker']) assert.deepEqual(rowsOf(before, table), rowsOf(after, table), table);
  assert.deepEqual(statesOf(before, 'quarantined'), []);
});

test('mirrors that are killed while they take an epoch over have it, once they run, as if nothing had been', async (t) => {
  const broken = await Broken.start(t);
  await broken.stopStream();
  await broken.mirror.stop();
  await broken.server.query("SELECT pg_drop_replication_slot('test')");
  await broken.server.query("INSERT INTO wide (id, t) SELECT i, repeat('x', 100) FROM generate_series(10000, 90000) i; DELETE FROM wide WHERE id < 500; UPDATE pairs SET v = 'all'");
  broken.reconciled();
  for (const waitMs of [150, 300, 450, 600, 800]) {
    const mirror = broken.path.mirror(broken.live);
    await sleep(waitMs); // somewhere within its start or the epoch
    await mirror.stop('SIGKILL');
  }
  broken.mirror = broken.path.mirror(broken.live);
  await broken.ends();
});

test('a reconciliation that is killed anywhere leaves the log as it was, and the next one brings it on', async (t) => {
  const broken = await Broken.start(t);
  await broken.stopStream();
  await broken.server.query(changes(100));
  const before = broken.path.run('daystream', 'verify', '--json', broken.path.log).stdout;
  for (const waitMs of [400, 800, 1200]) {
    const killed = new Daemon('deltastream', ['reconcile', '--slot', 'test', '--out', broken.path.log, '--cache', broken.standing], broken.path.environment).start();
    await sleep(waitMs); // somewhere on its way
    await killed.stop('SIGKILL');
    const after = JSON.parse(broken.path.run('daystream', 'verify', '--json', broken.path.log).stdout) as { segments: number; lines: number };
    const was = JSON.parse(before) as { lines: number };
    assert.ok(after.lines === was.lines || after.segments > 1, 'all of an epoch or nothing');
  }
  await until('the slot of the killed one to be free', async () => (await broken.server.query<{ n: string }>('SELECT count(*) AS n FROM pg_replication_slots WHERE active'))[0].n === '0');
  broken.reconciled();
  await broken.ends();
});

test('a table that waited for a copy where history broke is copied from the new one', async (t) => {
  const broken = await Broken.start(t);
  const blocker = await broken.server.client();
  await blocker.query('BEGIN; LOCK TABLE pairs IN ACCESS EXCLUSIVE MODE'); // no copy can begin
  broken.path.run('deltastream', 'reload', 'pairs', '--pg', broken.server.url());
  await broken.path.caughtUp(broken.live);
  await until('it is seen that a copy is due', () => broken.path.run('daystream', 'cat', broken.path.log).stdout.includes('\t_reload\t'));
  await broken.path.caughtUp(broken.live);
  await broken.stopStream();
  await blocker.query('ROLLBACK');
  await blocker.end();
  await broken.server.query(`SELECT pg_drop_replication_slot('test')`);
  await broken.server.query(changes(100));
  const done = broken.reconciled();
  assert.deepEqual(done.tables.filter(({ what }) => what === 'copied').map(({ table, why }) => [table, why]), [['pairs', 'a copy of it was due']]);
  await broken.ends();
});

test('a log of pgoutput goes on with a publication and a slot made anew', async (t) => {
  const broken = await Broken.start(t, '--plugin', 'pgoutput');
  await broken.stopStream();
  await broken.server.query("SELECT pg_drop_replication_slot('test')");
  await broken.server.query(`DROP PUBLICATION test; ${changes(100)}`);
  assert.deepEqual(broken.reconciled().tables.filter(({ what }) => what === 'copied'), []);
  await broken.ends();
  assert.equal(broken.copies, 0);
});

test('a log of our plugin goes on with pgoutput', async (t) => {
  const broken = await Broken.start(t);
  await broken.stopStream();
  await broken.server.query(changes(100));
  broken.reconciled(undefined, '--plugin', 'pgoutput');
  await broken.ends();
  assert.equal(broken.copies, 0);
});
