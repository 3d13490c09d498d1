/** What the figures were measured on: without it they say nothing. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import type { Server } from '../dev/postgres.js';

export interface Machine {
  readonly processors: string;
  readonly memory: string;
  readonly system: string;
  readonly node: string;
  readonly postgres: string;
  readonly sqlite3: string;
  readonly deltamirror: string;
  /** Of the minute before the end: more than the programs under test means that the figures are noisy. */
  readonly load: string;
}

export async function describeMachine(server: Server): Promise<Machine> {
  const [{ version }] = await server.query<{ version: string }>("select current_setting('server_version') as version");
  return {
    processors: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${type()} ${release()}`,
    node: process.version,
    postgres: version,
    sqlite3: sqliteVersion(),
    deltamirror: (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version,
    load: loadavg()[0].toFixed(1),
  };
}

function sqliteVersion(): string {
  try {
    return execFileSync('sqlite3', ['--version'], { encoding: 'utf8' }).split(' ')[0];
  } catch {
    return 'none';
  }
}
