/** The benchmarks at the smallest size: each gives its figures, and nothing is left behind. How fast anything is is no matter here. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryFolder } from './support/folder.js';
import { until } from './support/wait.js';

const BENCH = join(import.meta.dirname, '../bench/main.js');
const TINY = ['--rows', '2000', '--runs', '1', '--seconds', '1', '--rate', '50'];

interface Bench {
  readonly child: ChildProcess;
  readonly folder: string;
  stdout: string;
  stderr: string;
}

test('every benchmark measures all its sides and leaves nothing', async (t) => {
  const bench = start(t, ...TINY, '--json');
  await once(bench.child, 'close');
  assert.equal(bench.child.exitCode, 0, bench.stderr);
  const { figures } = JSON.parse(bench.stdout) as { figures: { benchmark: string; values: number[] }[] };
  assert.deepEqual([...new Set(figures.map(({ benchmark }) => benchmark))], ['decode', 'stream', 'pgoutput', 'import', 'replay', 'path', 'latency', 'memory', 'scan', 'keyless', 'scale', 'reload', 'schema', 'reconcile', 'bootstrap', 'readers', 'seek']);
  for (const figure of figures) assert.ok(figure.values.length > 0 && figure.values.every((value) => value > 0), JSON.stringify(figure));
  assert.deepEqual(readdirSync(bench.folder), []);
});

test('benchmarks that are interrupted leave nothing', async (t) => {
  const bench = start(t, ...TINY, '--runs', '2', 'latency');
  await until('the second run has begun', () => /run 1 of 2/.test(bench.stderr));
  bench.child.kill('SIGINT');
  await once(bench.child, 'close');
  assert.equal(bench.child.exitCode, 130, bench.stderr);
  assert.deepEqual(readdirSync(bench.folder), []);
});

test('a benchmark that there is not is refused in one line', async (t) => {
  const bench = start(t, 'speed');
  await once(bench.child, 'close');
  assert.equal(bench.child.exitCode, 2);
  assert.equal(bench.stderr, 'bench: speed: no such benchmark — one of: decode, stream, pgoutput, import, replay, path, latency, memory, scan, keyless, scale, reload, schema, reconcile, bootstrap, readers, seek\n');
});

/** Starts benchmarks whose temporary files all lie in one folder. */
function start(t: TestContext, ...args: string[]): Bench {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o755); // Postgres runs as another user where we are root
  const child = spawn(process.execPath, [BENCH, ...args], { env: { ...process.env, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'] });
  const bench: Bench = { child, folder, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => { bench.stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { bench.stderr += text; });
  return bench;
}
