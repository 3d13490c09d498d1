/** `deltamirror wait`: a reader waits for what it wrote, and is never told too early. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { parseLsn } from '../../src/daystream/lsn.js';
import { parsePosition } from '../../src/daystream/position.js';
import { waitFor, type Goal } from '../../src/deltamirror/wait.js';
import { bench, ids, spaced, writeLog } from '../support/mirror.js';
import { Mirroring } from '../support/mirroring.js';
import { runCommand } from '../support/path.js';

const PATIENCE_MS = 60_000;

/** A cache that stands at this LSN. */
function standing(t: TestContext, lsn: string, more = ''): string {
  const { cache } = bench(t);
  const at = new Database(cache);
  at.exec(`UPDATE _daystream_position SET clock = 1760000000, sequence = 5, lsn = '${lsn}'${more}`);
  at.close();
  return cache;
}

const outcome = async (cache: string, goal: Goal) => (await waitFor(cache, goal, 0)).reached;

test('a cache has what was committed up to its LSN and its position, and no more', async (t) => {
  const cache = standing(t, '0/16B3748');
  for (const [lsn, has] of [['0/16B3740', true], ['0/16B3748', true], ['0/16B3750', false], ['1/0', false], ['0/0', true]] as const) assert.equal(await outcome(cache, { lsn: parseLsn(lsn) }), has, lsn);
  for (const [position, has] of [['1760000000:5', true], ['1759999999:9', true], ['1760000000:6', false], ['1760000001:0', false]] as const) assert.equal(await outcome(cache, { position: parsePosition(position) }), has, position);
  assert.equal(await outcome(cache, { lsn: parseLsn('0/16B3748'), position: parsePosition('1760000000:6') }), false, 'both are waited for');
});

test('an LSN behind the header of a WAL page is the end of the page before, where the record ended', async (t) => {
  const cache = standing(t, '0/2000000');
  for (const [lsn, has] of [['0/2000018', true], ['0/2000028', true], ['0/2000020', false], ['0/2000030', false], ['0/2002018', false]] as const) assert.equal(await outcome(cache, { lsn: parseLsn(lsn) }), has, lsn);
});

test('an LSN of a history or a timeline that the cache has left is refused, and one that it has yet to come to is waited for', async (t) => {
  const cache = standing(t, '0/16B3748', ', epoch = 1760003600000000, timeline = 3');
  const lsn = parseLsn('0/1');
  await assert.rejects(outcome(cache, { lsn, epoch: 1 }), { code: 'log-foreign', message: `${cache}: 0/1 is of epoch 1, and the cache is in epoch 1760003600000000, where Postgres's history broke` });
  await assert.rejects(outcome(cache, { lsn, timeline: 2 }), { code: 'log-foreign', message: `${cache}: 0/1 is of timeline 2, and the cache is in timeline 3, where a standby was promoted` });
  assert.equal(await outcome(cache, { lsn, epoch: 1760003600000001 }), false);
  assert.equal(await outcome(cache, { lsn, timeline: 4 }), false);
  assert.equal(await outcome(cache, { lsn, timeline: 3, epoch: 1760003600000000 }), true);
});

for (const [what, change] of [['history breaks', "epoch = 2, lsn = '9/0'"], ['standby is promoted', "timeline = 2, lsn = '9/0'"]] as const) {
  test(`a wait during which a ${what} ends at once, and not as if the commit were there`, async (t) => {
    const cache = standing(t, '0/1000');
    const waiting = assert.rejects(waitFor(cache, { lsn: parseLsn('0/2000') }, PATIENCE_MS), { code: 'log-foreign' });
    const mirror = new Database(cache);
    mirror.exec(`UPDATE _daystream_position SET ${change}`);
    mirror.close();
    await waiting;
  });
}

test('a log in the original format has no LSNs, but positions', async (t) => {
  const cache = standing(t, '0/0', ", slot = ''");
  await assert.rejects(outcome(cache, { lsn: 1n }), { code: 'usage' });
  assert.equal(await outcome(cache, { position: parsePosition('1760000000:5') }), true);
});

test('who waits wakes when the mirror commits, and then reads what it waited for', async (t) => {
  const { cache, log } = bench(t);
  await writeLog(log, spaced(700, ['t insert id 0']));
  const mirroring = new Mirroring(cache, log);
  for (let id = 1; id <= 30; id++) {
    const lsn = BigInt(700 + id) * 0x1000n + 48n;
    const waiting = waitFor(cache, { lsn }, PATIENCE_MS);
    await writeLog(log, spaced(700 + id, [`t insert id ${id}`]));
    assert.equal((await Promise.race([waiting, mirroring.failed])).reached, true);
    assert.equal(ids(cache).at(-1), id);
  }
  await mirroring.stop();
});

test('the command ends with 0 when it is there, and with 1 and one line when the time is over', async (t) => {
  const cache = standing(t, '0/16B3748');
  assert.deepEqual(runCommand('deltamirror', ['wait', cache, '--lsn', '0/16B3748']), { status: 0, stdout: '', stderr: '' });
  const late = runCommand('deltamirror', ['wait', cache, '--lsn', '0/16B3750', '--timeout', '50ms']);
  assert.deepEqual([late.status, late.stdout], [1, '']);
  assert.equal(late.stderr, `deltamirror: ${cache}: has not come to 0/16B3750 within 0.05 s: it stands at 1760000000:5, 0/16B3748 of timeline 1, epoch 1 — see: deltamirror status ${cache}\n`);
  for (const [args, line] of [
    [['--lsn', 'x'], /argument 'x' is invalid\. Write it like 0\/16B3748\. — try/], [['--position', '7'], /Write it like 1507507200:0\./], [['--epoch', '0', '--lsn', '0/1'], /epoch/],
    [[], /^deltamirror: --lsn or --position: is missing — try: deltamirror wait --help\n$/], [['--timeline', '-1', '--lsn', '0/1'], /timeline|unknown option/],
  ] as const) {
    const { status, stderr } = runCommand('deltamirror', ['wait', cache, ...args]);
    assert.equal(status, 2, stderr);
    assert.match(stderr, line);
  }
  const foreign = runCommand('deltamirror', ['wait', cache, '--lsn', '0/1', '--timeline', '2', '--timeout', '1ms']);
  assert.equal(foreign.status, 1);
});

test('the command that waits wakes when another process writes', async (t) => {
  const cache = standing(t, '0/1000');
  const main = new URL('../../src/deltamirror/main.js', import.meta.url).pathname;
  const waiting = spawn(process.execPath, [main, 'wait', cache, '--lsn', '0/2000', '--timeout', '60s'], { stdio: 'ignore' });
  const ended = once(waiting, 'exit');
  const mirror = new Database(cache);
  t.after(() => mirror.close());
  mirror.exec("UPDATE _daystream_position SET lsn = '0/2000'");
  assert.deepEqual(await ended, [0, null]);
});
