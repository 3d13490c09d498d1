/** `daystream serve` as a process. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { TestContext } from 'node:test';
import { programPath } from '../../dev/programs.js';
import { until } from './wait.js';

const MAIN = programPath('inspect');

export interface ServeProcess {
  readonly child: ChildProcess;
  readonly port: number;
  /** All that it has said so far. */
  readonly said: () => string;
}

/** Starts it on a free port of loopback, or where the arguments say; it ends with the test. */
export async function serveProcess(t: TestContext, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ServeProcess> {
  const { DAYSTREAM_TOKEN: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [MAIN, 'serve', ...(args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0']), ...args], { env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { said += text; });
  const port = await until('it serves', () => {
    if (child.exitCode !== null) throw new Error(`serve ended: ${said}`);
    return Number(/serving .* on https?:\S+:(\d+)\//.exec(said)?.[1]);
  });
  return { child, port, said: () => said };
}
