/** Published snapshots where history broke. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { publishSnapshot } from '../../src/published/publish.js';
import { keyedTable, makeCache, query, runMirror } from '../support/cache.js';
import { writeBehind, writeEpoch } from '../support/epoch.js';
import { openWriter } from '../support/log.js';
import { bench, DAY, ids, T0, transaction, type Bench } from '../support/mirror.js';
import { runCommand } from '../support/path.js';
import { bootstrap, snapshotsIn, stateOf } from '../support/published.js';

const TABLE = keyedTable('t', ['a']);
const HEAD = '_table t _action schema _oid 40000 _identity default _key 3 id 3~notnull~integer a 4~null~text';

/** Three days, of which a host saw the beginning of the first; a snapshot behind the second; an epoch; and, where it is asked for, a snapshot behind it. */
async function broken(t: TestContext, publishes: 'before' | 'both' | 'behind'): Promise<Bench & { host: string }> {
  const paths = bench(t, [TABLE]);
  const host = join(paths.folder, 'host.db');
  makeCache(host, paths.log, [TABLE]);
  const write = async (day: number, xid: number, ...lines: string[]) => {
    const writer = await openWriter(paths.log, { clock: () => T0 + day * DAY });
    writer.append(transaction(xid, lines));
    await writer.sync();
    writer.close();
  };
  await write(0, 1, 't insert id 0 a x');
  await runMirror(host, paths.log);
  for (const day of [0, 1, 2]) {
    await write(day, day + 2, day === 0 ? 't update id 0 a y' : `t insert id ${day} a x`);
    await runMirror(paths.cache, paths.log);
    if (day === 1 && publishes !== 'behind') await publishSnapshot(paths.cache, paths.log, 9);
  }
  await writeEpoch(paths.log, { heads: [HEAD], rows: ['_table t _action update id 1 a new', '_table t _action delete id 2'] });
  await writeBehind(paths.log, [transaction(1, ['t insert id 7 a behind'])]);
  await runMirror(paths.cache, paths.log);
  if (publishes !== 'before') await publishSnapshot(paths.cache, paths.log, 9);
  await writeBehind(paths.log, [transaction(2, ['t insert id 8 a behind'])]);
  await runMirror(paths.cache, paths.log);
  rmSync(join(paths.log, readdirSync(paths.log).filter((name) => name.endsWith('.daystream')).sort()[0]));
  return { ...paths, host };
}

for (const publishes of ['before', 'behind'] as const) {
  test(`a new host with a snapshot from ${publishes} the break comes to where the others are`, async (t) => {
    const { folder, log, cache } = await broken(t, publishes);
    const fresh = join(folder, 'fresh.db');
    assert.deepEqual((await bootstrap(log, fresh)).said, []);
    await runMirror(fresh, log);
    assert.deepEqual(ids(fresh), [0, 1, 7, 8]);
    assert.deepEqual(stateOf(fresh), stateOf(cache));
  });
}

test('a host from before the break takes a snapshot of its own history, and none of the other one', async (t) => {
  const { log, cache, host } = await broken(t, 'both');
  const [behind] = snapshotsIn(log);
  const taken = runCommand('deltamirror', ['--once', '--bootstrap', host]);
  assert.equal(taken.status, 0, taken.stderr);
  assert.match(taken.stderr, new RegExp(`${behind}: is of slot test of system \\d+, epoch \\d+; .* epoch 1; trying the one before it`));
  assert.deepEqual(stateOf(host), stateOf(cache));
  const { log: other, host: lost } = await broken(t, 'behind');
  const refused = runCommand('deltamirror', ['--once', '--bootstrap', lost]);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /no published snapshot there can be used; the newest: .*epoch 1/);
  assert.deepEqual(query(lost, 'SELECT id, a FROM t'), [{ id: 0, a: 'x' }]);
  assert.equal(snapshotsIn(other).length, 1);
});
