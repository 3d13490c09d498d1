import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readTransactions } from '../../src/index.js';
import { Path, positionOf, until, type Daemon } from '../support/path.js';
import { Random } from '../support/random.js';

const KILLS = 20;
const TABLES = ['pgbench_accounts', 'pgbench_branches', 'pgbench_tellers', 'pgbench_history'];

/** pgbench that starts again whenever the server takes it down, until stopped. */
function load(t: TestContext, path: Path): { stop(): Promise<void> } {
  let stopped = false;
  let child: ReturnType<typeof spawn>;
  const done = (async () => {
    while (!stopped) {
      child = spawn(join(path.server.binaries, 'pgbench'), ['-n', '-c', '4', '-T', '600'], { env: path.environment, stdio: 'ignore' });
      await once(child, 'exit');
    }
  })();
  const stop = async () => { stopped = true; child.kill(); await done; };
  t.after(stop);
  return { stop };
}

/** Lets it run for a random while, kills it, starts it again: also where it has left, as it does when it is started while the server is down. */
async function killAgainAndAgain(daemon: Daemon, times: number, random: Random, limitMs: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await sleep(random.below(limitMs));
    await daemon.stop('SIGKILL');
    daemon.start();
  }
}

/** Starts it until it follows, as a service manager would: it leaves where the slot is not free yet, or the server not up. */
async function supervise(stream: Daemon): Promise<void> {
  await until('deltastream to follow', async () => {
    await stream.stop('SIGKILL');
    const before = stream.stderr.length;
    stream.start();
    await until('deltastream to follow or to leave', () => !stream.isRunning || stream.stderr.includes('following slot', before));
    return stream.isRunning;
  });
}

test('kill -9 of deltastream and deltamirror at random moments, and a crash of Postgres, lose nothing and double nothing', async (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const path = await Path.start(t, { settings: { fsync: 'on', synchronous_commit: 'on' } });
  path.server.tool('pgbench', ['-i', '-q', '-s', '2']);
  const stream = path.deltastream();
  const early = path.cache('early.db');
  const late = path.cache('late.db');
  await path.import('pgbench_accounts,pgbench_branches,pgbench_tellers,pgbench_history', early);
  const mirror = path.mirror(early);
  const pgbench = load(t, path);
  await Promise.all([
    killAgainAndAgain(stream, KILLS, random, 900),
    killAgainAndAgain(mirror, KILLS, random, 900),
    (async () => {
      await sleep(4000);
      await path.server.halt('immediate');
      await path.server.launch();
    })(),
  ]);
  await supervise(stream);
  await path.import('pgbench_accounts,pgbench_branches,pgbench_tellers,pgbench_history', late);
  path.mirror(late);
  const { lsn } = positionOf(late)!;
  await path.until('the late mirror to apply some of the load', () => positionOf(late)!.lsn > lsn);
  await pgbench.stop();
  await path.caughtUp(early, late);
  assert.ok((await path.compare(early, TABLES)) > 200_000);
  assert.ok((await path.compare(late, TABLES)) > 200_000);
  const xids = new Set<bigint>();
  let commits = 0;
  for await (const { xid } of readTransactions(path.log)) {
    xids.add(xid);
    commits++;
  }
  assert.equal(xids.size, commits, 'a transaction is in the log twice');
  path.run('daystream', 'verify', path.log);
});
