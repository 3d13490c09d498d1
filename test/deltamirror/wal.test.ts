/** What is told of a WAL that readers keep from being used again. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { programPath } from '../../dev/programs.js';
import { WalReport } from '../../src/deltamirror/wal-report.js';
import type { Wal } from '../../src/sqlite/checkpoints.js';
import { WAL_KEPT_BYTES } from '../../src/sqlite/pace.js';
import { walBytes } from '../../src/sqlite/wal.js';
import { keyedTable, query } from '../support/cache.js';
import { openWriter } from '../support/log.js';
import { bench, T0, transaction } from '../support/mirror.js';
import { runCommand } from '../support/path.js';
import { endReader, startReader } from '../support/reader.js';
import { until } from '../support/wait.js';

const MINUTE_MS = 60_000;
const WAL: Wal = { bytes: 1_234_567_890, heldMs: undefined, problem: undefined, readers: () => [4711, 4712] };

test('a reader is told of after a minute, every ten minutes, and when it is gone', () => {
  const report = new WalReport();
  const after = (minutes: number | undefined) => report.looked({ ...WAL, heldMs: minutes === undefined ? undefined : minutes * MINUTE_MS });
  assert.deepEqual(after(undefined), []);
  assert.deepEqual(after(0.9), []);
  assert.deepEqual(after(1), ['the WAL grows, 1.2 GB by now: for 60.0 s readers in long transactions have kept it from being used again; in one now: pid 4711, 4712']);
  assert.deepEqual(after(5), []);
  assert.match(after(11)[0], /^the WAL grows, 1\.2 GB by now: for 11 min /);
  assert.deepEqual(after(20), []);
  assert.deepEqual(report.looked({ ...WAL, bytes: 0 }), ['no reader keeps the WAL any more, after 20 min; its file has 0 B']);
  assert.deepEqual(after(undefined), []);
});

test('a checkpoint that fails is told of once', () => {
  const report = new WalReport();
  const failed = { ...WAL, problem: 'database or disk is full' };
  assert.deepEqual([failed, failed, WAL, failed].map((wal) => report.looked(wal).length), [1, 0, 0, 1]);
});

test('a mirror follows on while a process keeps an old state; status names that one and how much it keeps; behind it the WAL is small within a minute, with nothing to commit', async (t) => {
  const { log, cache } = bench(t, [keyedTable('t', ['a'])]);
  const writer = await openWriter(log, { clock: () => T0 });
  t.after(() => writer.close());
  const rows = 2000;
  writer.append(transaction(1, Array.from({ length: rows }, (_, id) => `t insert id ${id} a ${'x'.repeat(2000)}`)));
  await writer.sync();
  const mirror = spawn(process.execPath, [programPath('deltamirror'), '--from', '0:0', cache], { stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(() => { mirror.kill('SIGKILL'); });
  const last = (a: string) => query(cache, 'SELECT a FROM t WHERE id = 0')[0]?.a === a;
  await until('the rows are in the cache', () => last('x'.repeat(2000)));
  const reader = await startReader(t, cache);
  for (let round = 0; round < 20; round++) {
    const value = `${round} ${'y'.repeat(2000)}`.replace(' ', '_');
    writer.append(transaction(round + 2, Array.from({ length: rows }, (_, id) => `t update id ${id} a ${value}`)));
    await writer.sync();
    await until('the change is in the cache', () => last(value));
  }
  const { wal } = JSON.parse(runCommand('deltamirror', ['status', '--json', cache]).stdout) as { wal: { bytes: number; pendingBytes: number; readers: number[] } };
  assert.ok(wal.bytes > WAL_KEPT_BYTES && wal.bytes < 2 * 20 * rows * 2000, String(wal.bytes));
  assert.ok(wal.pendingBytes > WAL_KEPT_BYTES, String(wal.pendingBytes));
  assert.ok(wal.readers.includes(reader.pid!), String(wal.readers));
  await endReader(reader);
  await until('the file is small', () => walBytes(cache) <= WAL_KEPT_BYTES);
  const ended = once(mirror, 'exit');
  mirror.kill('SIGTERM');
  await ended;
  assert.equal(walBytes(cache), 0);
});
