/** `deltastream --temporary-slot`: for who only wants to look. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Path, runCommand } from '../support/path.js';
import { leftIn } from '../support/trying.js';
import { until } from '../support/wait.js';

for (const version of [undefined, 18] as const) {
  test(`its slot and what was made for it go with it, whether it is stopped or killed (PostgreSQL ${version ?? 'of the system'})`, async (t) => {
    const path = await Path.start(t, version === undefined ? {} : { version });
    const ours = async () => (await leftIn(path.server)).filter((what) => what.includes('look'));
    const args = (log: string) => ['--slot', 'look', '--temporary-slot', '--tables', 'marker', '--out', `${path.folder}/${log}`] as const;
    const stream = path.daemon('deltastream', ...args('stopped'));
    await path.until('it to follow', () => /following slot "look"/.test(stream.stderr));
    assert.equal((await ours()).length, version === undefined ? 1 : 2);

    const second = runCommand('deltastream', args('second'), path.environment);
    assert.match(second.stderr, /slot "look": is temporary, it goes with the session that made it — choose another --slot\n$/);
    assert.equal((await ours()).length, version === undefined ? 1 : 2, 'another one that is refused takes nothing away');

    assert.equal(await stream.stop(), 0, stream.stderr);
    await until('the server has noticed', async () => (await ours()).length === 0);

    const again = runCommand('deltastream', args('stopped'), path.environment);
    assert.match(again.stderr, /stopped: holds a log, and a temporary slot begins now: what lies between would be in neither — take another folder/);
    assert.equal(again.status, 1);
    assert.deepEqual(await ours(), []);

    const killed = path.daemon('deltastream', ...args('killed'));
    await path.until('it to follow', () => /following slot "look"/.test(killed.stderr));
    await killed.stop('SIGKILL');
    await until('the server has noticed', async () => !(await ours()).includes('slot look'));
  });
}

test('a temporary slot does not outlive its connection: the run ends', async (t) => {
  const path = await Path.start(t);
  const stream = path.daemon('deltastream', '--slot', 'look', '--temporary-slot', '--out', path.log);
  await path.until('it to follow', () => /following slot "look"/.test(stream.stderr));
  await path.server.query("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'look'");
  assert.equal(await stream.ended(), 1);
  assert.match(stream.stderr, /\ndeltastream: slot "look": [^\n]+\n$/);
  assert.equal((await leftIn(path.server)).includes('slot look'), false);
});

test('a slot that stays and one that goes are not asked for together', () => {
  const { status, stderr } = runCommand('deltastream', ['--slot', 'look', '--temporary-slot', '--create-slot', '--out', 'nowhere']);
  assert.equal(status, 2);
  assert.match(stderr, /^deltastream: option '--temporary-slot' cannot be used with option '--create-slot'/);
});
