import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { holderOf, lock } from '../src/lock.js';
import { temporaryFolder } from './support/folder.js';

const LOCK = resolve(import.meta.dirname, '../src/lock.js');

test('the second one is told who holds it, also within one process', (t) => {
  const path = join(temporaryFolder(t), '.lock');
  const held = lock(path, 'deltastream --slot fleet');
  assert.throws(() => lock(path, 'another'), { code: 'busy', message: `${path}: held by deltastream --slot fleet (pid ${process.pid} on ${hostname()})` });
  held.release();
  lock(path, 'another').release();
});

test('a holder that is killed leaves nothing that must be removed', async (t) => {
  const path = join(temporaryFolder(t), '.lock');
  const script = `const { lock } = await import(${JSON.stringify(LOCK)}); lock(${JSON.stringify(path)}, 'victim'); console.log('held'); setInterval(() => {}, 1000);`;
  const victim = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(victim.stdout, 'data');
  assert.throws(() => lock(path, 'another'), { code: 'busy', message: new RegExp(`held by victim \\(pid ${victim.pid} on `) });
  victim.kill('SIGKILL');
  await once(victim, 'exit');
  lock(path, 'another').release();
});

test('a path that cannot be opened is an error with the path', (t) => {
  assert.throws(() => lock(join(temporaryFolder(t), 'no', '.lock'), 'x'), { code: 'config', message: /no\/\.lock: cannot be opened for writing: ENOENT/ });
});

test('who holds a lock is told to who only looks, and looking keeps nobody from taking it', (t) => {
  const path = join(temporaryFolder(t), 'a.lock');
  assert.equal(holderOf(path), undefined, 'no such file');
  const held = lock(path, 'somebody');
  assert.match(holderOf(path)!, /^somebody \(pid \d+ on /);
  held.release();
  for (let i = 0; i < 100; i++) {
    assert.equal(holderOf(path), undefined);
    lock(path, 'next').release();
  }
});
