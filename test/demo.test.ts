/** The demo as a newcomer runs it: it proves what it shows, and leaves nothing behind however it ends. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryFolder } from './support/folder.js';

const DEMO = join(import.meta.dirname, '../dev/demo.js');

interface Demo {
  readonly child: ChildProcess;
  readonly folder: string;
  output: string;
}

test('npm run demo -- --seconds ends by itself with a proof of equality, and leaves nothing', async (t) => {
  const demo = start(t, '--seconds', '2');
  await once(demo.child, 'close');
  assert.match(demo.output.trimEnd().split('\n').at(-1)!, /^equal: 3 tables, [\d,]+ rows compared value by value, after [\d,]+ rows .* everything is removed$/);
  assert.equal(demo.child.exitCode, 0);
  assertNothingLeft(demo);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`the demo, ended by ${signal}, leaves nothing`, async (t) => {
    const demo = start(t);
    await arrival(demo, / rows\/s /);
    demo.child.kill(signal);
    await once(demo.child, 'close');
    assert.equal(demo.child.exitCode, 0, demo.output);
    assertNothingLeft(demo);
  });
}

test('the demo, ended while its Postgres starts, leaves nothing', async (t) => {
  const demo = start(t);
  await arrival(demo, /starting/);
  demo.child.kill('SIGTERM');
  await once(demo.child, 'close');
  assert.equal(demo.child.exitCode, 0, demo.output);
  assertNothingLeft(demo);
});

test('a time that is none is refused in one line', async (t) => {
  const demo = start(t, '--seconds', 'soon');
  await once(demo.child, 'close');
  assert.equal(demo.output, 'demo: --seconds soon: is not a number of seconds — try: npm run demo -- --seconds 10\n');
  assert.equal(demo.child.exitCode, 2);
});

/** Starts a demo whose temporary files all lie in one folder. */
function start(t: TestContext, ...args: string[]): Demo {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o755); // Postgres runs as another user where we are root
  const child = spawn(process.execPath, [DEMO, ...args], { env: { ...process.env, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'] });
  const demo: Demo = { child, folder, output: '' };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { demo.output += text; });
  t.after(() => child.kill());
  return demo;
}

async function arrival(demo: Demo, pattern: RegExp): Promise<void> {
  while (!pattern.test(demo.output)) {
    await Promise.race([once(demo.child.stdout!, 'data'), once(demo.child, 'close').then(() => assert.fail(`it ended: ${demo.output}`))]);
  }
}

function assertNothingLeft({ folder }: Demo): void {
  assert.deepEqual(readdirSync(folder), [], 'no file');
  const alive = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && workingFolder(pid).startsWith(folder));
  assert.deepEqual(alive, [], 'no process');
}

function workingFolder(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return ''; // it has ended, or is not ours
  }
}
