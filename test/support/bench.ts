/** The benchmarks at the smallest size, as processes. How fast anything is is no matter there. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './folder.js';

const BENCH = join(import.meta.dirname, '../../bench/main.js');
export const TINY = ['--rows', '1000', '--runs', '1', '--seconds', '1', '--rate', '50'];

export interface Bench {
  readonly child: ChildProcess;
  readonly folder: string;
  stdout: string;
  stderr: string;
}

/** Starts benchmarks whose temporary files all lie in one folder. */
export function start(t: TestContext, ...args: string[]): Bench {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o755); // Postgres runs as another user where we are root
  const child = spawn(process.execPath, [BENCH, ...args], { env: { ...process.env, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'] });
  const bench: Bench = { child, folder, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => { bench.stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { bench.stderr += text; });
  return bench;
}
