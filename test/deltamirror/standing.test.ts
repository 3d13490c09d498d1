/** Where a mirror stands is known in the log's folder; and a mirror through ssh is a mirror. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { programPath } from '../../dev/programs.js';
import { readHosts } from '../../src/daystream/hosts.js';
import { formatPosition } from '../../src/daystream/position.js';
import type { Writer } from '../../src/daystream/writer.js';
import { keyedTable, makeCache, query } from '../support/cache.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, openWriter } from '../support/log.js';
import { runCommand } from '../support/path.js';
import { Sshd } from '../support/sshd.js';
import { until } from '../support/wait.js';

const PROGRAM = programPath('deltamirror');

async function logAndCache(t: TestContext): Promise<{ log: string; cache: string; writer: Writer }> {
  const folder = temporaryFolder(t);
  const [log, cache] = [join(folder, 'log'), join(folder, 'cache.db')];
  const writer = await openWriter(log);
  appendTransactions(writer, 1, 3);
  await writer.sync();
  t.after(() => writer.close());
  makeCache(cache, log, [keyedTable('t')]);
  return { log, cache, writer };
}

function follow(t: TestContext, args: readonly string[], path = process.env.PATH): ChildProcess & { said: string } {
  const child = Object.assign(spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'inherit', 'pipe'], env: { ...process.env, PATH: path } }), { said: '' });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => { child.said += text; });
  t.after(() => { child.kill('SIGKILL'); });
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

const ids = (cache: string) => query(cache, 'SELECT id FROM t ORDER BY id').map(({ id }) => id);

test('--register says where the cache stands when the mirror ends, and the host stays registered', async (t) => {
  const { log, cache, writer } = await logAndCache(t);
  const ended = runCommand('deltamirror', ['--once', '--from', '0:0', '--register', 'web1', cache]);
  assert.equal(ended.status, 0, ended.stderr);
  assert.deepEqual(readHosts(log).map(({ name, isReader, position }) => [name, isReader, formatPosition(position!)]), [['web1', false, formatPosition(writer.stats.position)]]);
});

test('a mirror that follows a folder is an open reader of it, until it ends or is killed', async (t) => {
  const { log, cache } = await logAndCache(t);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const child = follow(t, ['--from', '0:0', cache]);
    await until('the mirror is known', () => readHosts(log).some(({ name }) => name.startsWith(`mirror-${child.pid}-`)));
    await until('it has caught up', () => child.said.includes('caught up'));
    await end(child, signal);
    assert.deepEqual(readHosts(log), []);
  }
});

test('a name that is none, and a folder that is none, are one line; nothing is made', async (t) => {
  const { log, cache } = await logAndCache(t);
  for (const [args, said] of [
    [['--register', '../x', cache], /"\.\.\/x" is no name for a host/],
    [['--register', 'web1', '--source', join(log, 'none'), cache], /none/],
    [['--register', 'web1', '--source', 'ssh://there/log', cache], /--register web1: the log at ssh:\/\/there\/log is only read from here — on its own host: daystream hosts add web1 --position/],
  ] as const) {
    const { status, stderr } = runCommand('deltamirror', ['--once', ...args]);
    assert.notEqual(status, 0);
    assert.match(stderr.trimEnd().split('\n').at(-1)!, said);
  }
  assert.ok(!existsSync(join(log, 'none')));
});

test('through ssh: what is written is in the cache, also behind an sshd that was away, and it is told once', async (t) => {
  const { log, cache, writer } = await logAndCache(t);
  const sshd = await Sshd.start(t);
  const child = follow(t, ['--from', '0:0', '--source', sshd.url(log), cache], sshd.path);
  await until('the first are there', () => child.said.includes('caught up') && ids(cache).length === 3);
  appendTransactions(writer, 4, 1);
  writer.write();
  await until('the next is there', () => ids(cache).length === 4);
  assert.equal(sshd.calls, 1);
  await sshd.stop();
  await until('it says what it waits for', () => /waiting for ssh:\/\/there/.test(child.said));
  appendTransactions(writer, 5, 1);
  writer.write();
  await sshd.restart();
  await until('what was written meanwhile is there', () => ids(cache).length === 5);
  assert.deepEqual(ids(cache), [1, 2, 3, 4, 5]);
  assert.equal(child.said.match(/waiting for ssh/g)?.length, 1, child.said);
  assert.equal(child.said.match(/answers again/g)?.length, 1, child.said);
  await end(child, 'SIGTERM');
  assert.equal(child.exitCode, 0, child.said);
});
