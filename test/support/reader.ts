/** A process that reads a cache in one transaction, as an application does that forgets to end it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';

const SCRIPT = `
  const cache = new (require('better-sqlite3'))(process.argv[1], { readonly: true });
  cache.exec('BEGIN');
  cache.prepare('SELECT count(*) FROM t').get();
  console.log('reads');
  process.stdin.resume();`;

/** It has begun, and goes on until it is ended. */
export async function startReader(t: TestContext, path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', SCRIPT, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => { child.kill('SIGKILL'); });
  await once(child.stdout!, 'data');
  return child;
}

export async function endReader(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
