/** `deltamirror status`: what it says of a cache, and when its exit code says that it is too old. */
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { freshnessOf, type State } from '../../src/sqlite/freshness.js';
import { lockCache } from '../../src/sqlite/lock.js';
import type { CachePosition } from '../../src/sqlite/position.js';
import { isWithin, statusOf, type Status } from '../../src/deltamirror/status.js';
import { keyedTable, query, runMirror } from '../support/cache.js';
import { Mirroring } from '../support/mirroring.js';
import { openWriter } from '../support/log.js';
import { bench, spaced, writeLog, type Bench } from '../support/mirror.js';
import { runCommand } from '../support/path.js';
import { until } from '../support/wait.js';

const S = 1_000_000;
const NOW = 1_760_000_100 * S;
const AT: CachePosition = {
  position: { clock: 1_760_000_099, sequence: 4 }, crc: 0, lsn: 7n, commitTimeUs: NOW - 2 * S, sourceTimeUs: NOW - S, timeline: 1, appliedAtUs: NOW - S, behindBytes: 0, bytesPerSecond: 0,
  system: '7', slot: 'fleet', epoch: 1, source: '/log', snapshot: null,
};

const STATES: readonly (readonly [what: string, at: Partial<CachePosition>, known: Partial<Parameters<typeof freshnessOf>[2]>, state: State, lag: number | undefined])[] = [
  ['all of a busy source', {}, {}, 'caught-up', 0],
  ['all of a source that says nothing but that it lives', { commitTimeUs: NOW - 3600 * S, sourceTimeUs: NOW - 9 * S }, {}, 'idle', 0],
  ['all that there is, and two horizons did not come', { commitTimeUs: NOW - 60 * S, sourceTimeUs: NOW - 26 * S }, {}, 'stalled', 26],
  ['some of the log', { behindBytes: 1000, bytesPerSecond: 500, sourceTimeUs: NOW - 3 * S }, {}, 'behind', 3],
  ['some of the log, an hour ago', { behindBytes: 1000, sourceTimeUs: NOW - 3600 * S }, {}, 'behind', 3600],
  ['some of the log, as the log itself says', { sourceTimeUs: NOW - 40 * S }, { behindBytes: 9 }, 'behind', 40],
  ['a large transaction to commit still', { sourceTimeUs: NOW - 40 * S }, { isBusy: true }, 'behind', 40],
  ['nobody who follows', {}, { isRunning: false }, 'stopped', 1],
  ['a clock behind that of Postgres', { commitTimeUs: NOW + 5 * S, sourceTimeUs: NOW + 5 * S }, { isRunning: false }, 'stopped', 0],
  ['a log in the original format', { slot: '', commitTimeUs: 0, sourceTimeUs: 0 }, {}, 'caught-up', 0],
  ['an old log in the original format, where no horizon is missed', { slot: '', commitTimeUs: 0, sourceTimeUs: 0, position: { clock: 1_507_507_200, sequence: 1 } }, {}, 'idle', 0],
  ['no word of the source at all', { commitTimeUs: 0, sourceTimeUs: 0 }, { isRunning: false }, 'stopped', undefined],
];

for (const [what, at, known, state, lag] of STATES) {
  test(`a cache that has ${what} is ${state}`, () => {
    const fresh = freshnessOf({ ...AT, ...at }, NOW, { isRunning: true, ...known });
    assert.deepEqual([fresh.state, fresh.lagSeconds], [state, lag]);
  });
}

test('how long it takes to catch up is what is left by the rate of now', () => {
  assert.equal(freshnessOf({ ...AT, behindBytes: 3000, bytesPerSecond: 500 }, NOW, { isRunning: true }).doneInSeconds, 6);
  assert.equal(freshnessOf({ ...AT, behindBytes: 3000 }, NOW, { isRunning: true }).doneInSeconds, undefined);
});

test('an age is within the limit only where it is known, and no table stands still', () => {
  const status = { lagSeconds: 5, standing: [] as unknown[] } as unknown as Status;
  assert.ok(isWithin(status, 5));
  assert.ok(!isWithin(status, 4.9));
  assert.ok(!isWithin({ ...status, lagSeconds: undefined }, 1e9));
  assert.ok(!isWithin({ ...status, standing: [{}] as never }, 5));
});

/** A cache of table t, and its log, whose times are now. */
async function living(t: TestContext): Promise<Bench> {
  const paths = bench(t, [keyedTable('t'), { ...keyedTable('u'), oid: 2 }]);
  const writer = await openWriter(paths.log);
  writer.append(Buffer.from(spaced(700, ['t insert id 1']).toString().replace(/_ts\t\d+/, `_ts\t${Date.now() * 1000}`)));
  writer.horizon(0x2bc100n, BigInt(Date.now()) * 1000n, '900:900:');
  await writer.sync();
  writer.close();
  return paths;
}

test('a cache that is followed has caught up; when its mirror ends it is stopped, and the log tells what it lacks', async (t) => {
  const { cache, log } = await living(t);
  const held = lockCache(cache, 'deltamirror cache.db');
  const mirroring = new Mirroring(cache, log);
  await until('the row is in the cache', () => query(cache, 'SELECT * FROM t').length === 1);
  const running = await until('the horizon is', async () => {
    const status = await statusOf(cache);
    return status.sourceAgeSeconds !== undefined && status.lsn === '0/2BC100' && status;
  });
  assert.equal(running.state, 'caught-up');
  assert.equal(running.lagSeconds, 0);
  assert.match(running.mirror!, /^deltamirror cache\.db \(pid \d+ on /);
  assert.deepEqual(running.tables, { following: 2, joining: 0, waiting: 0, quarantined: 0 });
  assert.ok(isWithin(running, 5));
  await mirroring.stop();
  held.release();
  const stopped = await statusOf(cache);
  assert.deepEqual([stopped.state, stopped.mirror, stopped.behindBytes, stopped.logProblem], ['stopped', null, 0, null]);
  await writeLog(log, spaced(701, ['t insert id 2']));
  const behind = await statusOf(cache);
  assert.equal(behind.state, 'stopped');
  assert.ok(behind.behindBytes > 50 && behind.behindBytes < 500, String(behind.behindBytes));
});

test('what a replay writes on the way says how far it is, and at its end that nothing is left', async (t) => {
  const { cache, log } = await living(t);
  await runMirror(cache, log);
  assert.deepEqual(query(cache, 'SELECT behind_bytes, bytes_per_second FROM _daystream_position'), [{ behind_bytes: 0, bytes_per_second: 0 }]);
});

test('the command says it in a few lines or as JSON, and its exit code follows --max-lag', async (t) => {
  const { cache, log } = await living(t);
  await runMirror(cache, log);
  const text = runCommand('deltamirror', ['status', cache]);
  assert.equal(text.status, 0);
  assert.match(text.stdout, /^\S+cache\.db: stopped: nobody follows the log; its newest word is \d+\.\d s old\nat \d+:\d+, 0\/2BC100 of timeline 1, epoch 1; last commit \S+Z, source heard of \S+Z, applied \d+\.\d s ago\n2 tables; no mirror runs\n$/);
  const json = runCommand('deltamirror', ['status', '--json', '--max-lag', '1h', cache]);
  assert.deepEqual([json.status, JSON.parse(json.stdout).withinMaxLag, JSON.parse(json.stdout).state], [0, true, 'stopped']);
  const late = runCommand('deltamirror', ['status', '--max-lag', '1ms', cache]);
  assert.equal(late.status, 1);
});

test('a table in quarantine is named with its cure, and is too old for any limit', async (t) => {
  const { cache, log } = await living(t);
  await writeLog(log, spaced(701, ['t delete id 99']));
  await runMirror(cache, log);
  const { status, stdout } = runCommand('deltamirror', ['status', '--max-lag', '9h', cache]);
  assert.equal(status, 1);
  assert.match(stdout, /\n2 tables, 1 quarantined; no mirror runs\npublic\.t: in quarantine since \d+:\d+: .* — deltaimport --table t --into \S+cache\.db\n$/);
});

test('a log that cannot be asked is said so, and the cache is told of all the same', async (t) => {
  const { cache, log } = await living(t);
  await runMirror(cache, log);
  renameSync(log, `${log}.gone`);
  const { state, logProblem, lsn } = await statusOf(cache);
  assert.deepEqual([state, lsn], ['stopped', '0/2BC100']);
  assert.match(logProblem!, /log/);
});
