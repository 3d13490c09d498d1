/** The program deltastream as a process of its own, as a person would start it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { programPath } from '../../dev/programs.js';
import type { Server } from '../../dev/postgres.js';
import { isSegmentName } from '../../src/daystream/segment.js';
import { readAll } from './log.js';
import { until } from './wait.js';

const PROGRAM = programPath('deltastream');

export class Running {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  /** What it has printed so far. */
  stderr = '';
  stdout = '';

  constructor(args: readonly string[], environment: NodeJS.ProcessEnv = process.env) {
    this.child = spawn(process.execPath, [PROGRAM, ...args], { env: environment, stdio: 'pipe' });
    this.child.stderr?.on('data', (text) => { this.stderr += text; });
    this.child.stdout?.on('data', (text) => { this.stdout += text; });
    this.exited = once(this.child, 'close').then(([code]) => code);
  }

  async says(text: string | RegExp): Promise<void> {
    await until(`deltastream says ${text} (it said ${this.stderr})`, () => this.stderr.match(text) !== null);
  }

  async kill(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal);
    return this.exited;
  }
}

/** Starts following; the process dies with the test. */
export async function follow(t: TestContext, server: Server, slot: string, out: string, ...more: string[]): Promise<Running> {
  const running = new Running(['--pg', server.url(), '--slot', slot, '--out', out, ...more]);
  t.after(() => running.kill('SIGKILL'));
  await running.says(/following slot/);
  return running;
}

/** Runs to its end. */
export async function runToEnd(...args: string[]): Promise<Running & { code: number | null }> {
  const running = new Running(args);
  return Object.assign(running, { code: await running.exited });
}

/** The values of column `id` in the rows inserted into `table`, in the order of the log, whose chain is checked on the way. */
export async function insertedIds(out: string, table: string): Promise<number[]> {
  if (!readdirSync(out).some(isSegmentName)) return [];
  const ids: number[] = [];
  const row = new RegExp(`\\t_table\\t${table}\\t_xid\\t\\d+\\t_action\\tinsert\\tid\\t(\\d+)`, 'g');
  for (const unit of await readAll(out)) {
    if (unit.kind !== 'transaction') continue;
    const body = unit.body ?? readFileSync(join(out, unit.segment)).subarray(unit.bodyStart, unit.bodyEnd);
    for (const match of body.toString().matchAll(row)) ids.push(Number(match[1]));
  }
  return ids;
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** The LSN that the slot has been told, as a number of bytes. */
export async function confirmed(server: Server, slot: string): Promise<bigint> {
  const [row] = await server.query<{ bytes: string }>(`select (confirmed_flush_lsn - '0/0')::text as bytes from pg_replication_slots where slot_name = '${slot}'`);
  return BigInt(row.bytes);
}
