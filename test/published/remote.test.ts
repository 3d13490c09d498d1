/** Published snapshots through a network. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { publishSnapshot } from '../../src/published/publish.js';
import { keyedTable, makeCache, query, runMirror } from '../support/cache.js';
import { openWriter } from '../support/log.js';
import { bench, DAY, ids, spaced, T0, type Bench } from '../support/mirror.js';
import { Nginx } from '../support/nginx.js';
import { Daemon, runCommand } from '../support/path.js';
import { LIES, LyingServer } from '../support/lying.js';
import { bootstrap, snapshotsIn, stateOf } from '../support/published.js';
import { Random } from '../support/random.js';
import { filesOf, IMPATIENT, overHttp } from '../support/remote.js';
import { serving } from '../support/serving.js';
import { Sshd } from '../support/sshd.js';

const LIES_A_KIND = 6;
/** A busy machine answers within it. */
const STALL_MS = 1000;
const TABLE = keyedTable('t', ['note']);
const TOKEN = 'f2c7d1b0a99e4d6c8b57';

async function writeDay(log: string, day: number, from: number, count: number): Promise<void> {
  const writer = await openWriter(log, { clock: () => T0 + day * DAY });
  writer.append(spaced(day + 1, Array.from({ length: count }, (_, i) => `t insert id ${from + i} note n${'x'.repeat(i % 90)}`)));
  await writer.sync();
  writer.close();
}

/** Three days of log, a snapshot at the end of the second, the first day gone and the second compressed; and a host that saw the first day. */
async function days(t: TestContext): Promise<Bench & { host: string; published: unknown }> {
  const paths = bench(t, [TABLE]);
  const host = join(paths.folder, 'host.db');
  makeCache(host, paths.log, [TABLE]);
  await writeDay(paths.log, 0, 1, 10);
  await runMirror(host, paths.log);
  await writeDay(paths.log, 1, 1000, 20_000);
  await runMirror(paths.cache, paths.log);
  await publishSnapshot(paths.cache, paths.log, 2);
  const published = stateOf(paths.cache);
  await writeDay(paths.log, 2, 100_000, 10);
  await writeDay(paths.log, 30, 200_000, 10);
  for (const args of [['prune', '--keep', '1d'], ['compress']]) {
    const { status, stderr } = runCommand('daystream', [...args, paths.log]);
    assert.equal(status, 0, stderr);
  }
  return { ...paths, host, published };
}

test('a new host and one that was away begin with the snapshot over HTTP, with a token, from a log that was pruned and compressed', async (t) => {
  const { folder, log, host, published } = await days(t);
  const { url } = await serving(t, log, { token: TOKEN });
  const token = join(folder, 'token');
  writeFileSync(token, TOKEN, { mode: 0o600 });
  const fresh = join(folder, 'fresh.db');
  const args = ['--source', url, '--token-file', token];
  // Not with runCommand, which would keep this process from serving.
  const run = async (name: 'deltaimport' | 'deltamirror', ...more: string[]) => {
    const daemon = new Daemon(name, [...args, ...more], process.env).start();
    return { status: await daemon.ended(), stderr: daemon.stderr };
  };
  const begun = await run('deltaimport', '--bootstrap', fresh);
  assert.equal(begun.status, 0, begun.stderr);
  assert.deepEqual(stateOf(fresh), published);
  assert.equal(query(fresh, 'SELECT source FROM _daystream_position')[0].source, url.replace(/\/$/, ''));
  const away = await run('deltamirror', '--once', host);
  assert.match(away.stderr, /no longer reaches back .*deltamirror --bootstrap/);
  for (const more of [['--bootstrap', host], [fresh]]) {
    const { status, stderr } = await run('deltamirror', '--once', ...more);
    assert.equal(status, 0, stderr);
  }
  assert.equal(ids(host).length, 20_030);
  assert.deepEqual(stateOf(host), stateOf(fresh));
  const wrong = join(folder, 'wrong');
  writeFileSync(wrong, 'a'.repeat(32), { mode: 0o600 });
  const refused = new Daemon('deltaimport', ['--source', url, '--token-file', wrong, '--bootstrap', join(folder, 'none.db')], process.env).start();
  assert.notEqual(await refused.ended(), 0);
  assert.match(refused.stderr, /token/);
});

/** Where the log's folder is, as a host far away reaches it, and the environment for that. */
const PLACES: Readonly<Record<string, (t: TestContext, log: string) => Promise<{ source: string; env?: NodeJS.ProcessEnv }>>> = {
  nginx: async (t, log) => ({ source: (await Nginx.start(t, log)).url }),
  'nginx that knows no ranges': async (t, log) => ({ source: (await Nginx.start(t, log, 'max_ranges 0;')).url }),
  sshd: async (t, log) => {
    const sshd = await Sshd.start(t);
    return { source: sshd.url(log), env: { ...process.env, PATH: sshd.path } };
  },
};

for (const [name, place] of Object.entries(PLACES)) {
  test(`a new host and one that was away begin with the snapshot through ${name}`, async (t) => {
    const { folder, log, host, published } = await days(t);
    const { source, env = process.env } = await place(t, log);
    const fresh = join(folder, 'fresh.db');
    const run = async (command: 'deltaimport' | 'deltamirror', ...args: string[]) => {
      const daemon = new Daemon(command, ['--source', source, ...args], env).start();
      assert.equal(await daemon.ended(), 0, daemon.stderr);
    };
    await run('deltaimport', '--bootstrap', fresh);
    assert.deepEqual(stateOf(fresh), published);
    await run('deltamirror', '--once', '--bootstrap', host);
    await run('deltamirror', '--once', fresh);
    assert.equal(ids(host).length, 20_030);
    assert.deepEqual(stateOf(host), stateOf(fresh));
  });
}

for (const kind of LIES) {
  test(`"${kind}" at any byte of the newest snapshot: the host has it all the same, or the one before it`, async (t) => {
    const paths = bench(t, [TABLE]);
    const states: unknown[] = [];
    for (const day of [0, 1]) {
      await writeDay(paths.log, day, day * 1000 + 1, 200);
      await runMirror(paths.cache, paths.log);
      await publishSnapshot(paths.cache, paths.log, 2);
      states.push(stateOf(paths.cache));
    }
    const [newest, oldest] = snapshotsIn(paths.log);
    const files = filesOf(paths.log);
    const server = await new LyingServer(files, files.get(oldest)).start(t);
    server.about = newest;
    const random = new Random();
    t.diagnostic(`SEED=${random.seed}`);
    let despite = 0;
    for (let i = 0; i < LIES_A_KIND; i++) {
      server.lie = { kind, at: random.below(files.get(newest)!.length) };
      const copy = join(paths.folder, `copy-${i}.db`);
      const { said, snapshot } = await bootstrap(overHttp(server.url, { ...IMPATIENT, stallMs: STALL_MS }), copy);
      assert.equal(snapshot, said.length === 0 ? newest : oldest, said.join());
      assert.deepEqual(stateOf(copy), states[said.length === 0 ? 1 : 0]);
      if (said.length === 0) despite++;
    }
    assert.ok(server.told > 0, 'no lie was told');
    t.diagnostic(`${server.told} lies, ${despite} of ${LIES_A_KIND} had the newest`);
  });
}
