/** What the steps of a try share, and the step that is taken twice. */
import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { isSegmentName } from '../daystream/segment.js';
import type { Program, Where } from './program.js';
import type { Signals } from './signals.js';

const POLL_MS = 50;

/** The paths and arguments that its steps share. */
export interface Setting extends Where {
  readonly target: readonly string[];
  readonly log: string;
  readonly cache: string;
  /** Of the second copy. */
  readonly second: string;
  readonly signals: Signals;
  readonly client: pg.Client;
  readonly stream: Program;
  /** Starts a command that is stopped at the end, whatever happens. */
  start(...of: ConstructorParameters<typeof Program>): Program;
}

/** Copies tables into a new cache, as soon as there is a log to join. */
export async function copy({ start, log, target, env, tell }: Setting, cache: string, tables: string): Promise<{ readonly rows: number; readonly seconds: number }> {
  // The slot waits for every transaction that runs, however long.
  while (!hasBegun(log)) await sleep(POLL_MS);
  const program = start('deltaimport', ['--tables', tables, '--source', log, ...target, '--json', cache], { env, tell });
  return JSON.parse(await program.done()) as { rows: number; seconds: number };
}

function hasBegun(log: string): boolean {
  return existsSync(log) && readdirSync(log).some(isSegmentName);
}
