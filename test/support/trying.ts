/** `deltastream try` as somebody types it, in a temporary folder of its own. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import type pg from 'pg';
import { programPath } from '../../dev/programs.js';
import type { Server } from '../../dev/postgres.js';
import { temporaryFolder } from './folder.js';
import { until } from './wait.js';

const MAIN = programPath('deltastream');
const PACE_MS = 3;

export const TABLES = `
  CREATE TABLE flights (id integer PRIMARY KEY, alt integer, note text);
  INSERT INTO flights SELECT i, i, 'n' || i FROM generate_series(1, 2000) i;
  CREATE TABLE seen (flight integer, at numeric); ALTER TABLE seen REPLICA IDENTITY FULL;
  CREATE TABLE legs (id integer PRIMARY KEY, dest text) PARTITION BY RANGE (id);
  CREATE TABLE legs_1 PARTITION OF legs FOR VALUES FROM (0) TO (50); CREATE TABLE legs_2 PARTITION OF legs FOR VALUES FROM (50) TO (100);
  CREATE SCHEMA "My sales"; CREATE TABLE "My sales"."Order, no" (id bigint PRIMARY KEY, t timestamptz DEFAULT now());
  CREATE TABLE keyless (t text); INSERT INTO keyless VALUES ('a');`;

export class Try {
  readonly child: ChildProcess;
  /** Both streams together, and standard output alone. */
  output = '';
  stdout = '';

  constructor(t: TestContext, readonly folder: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.child = spawn(process.execPath, [MAIN, 'try', ...args], { env: { ...env, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => { this.output += text; this.stdout += text; });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => { this.output += text; });
    t.after(() => this.child.kill());
  }

  async ended(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close');
    return this.child.exitCode;
  }

  async says(pattern: RegExp): Promise<void> {
    await until(`it says ${pattern}`, () => {
      assert.equal(this.child.exitCode, null, this.output);
      return pattern.test(this.output);
    });
  }
}

export function tryIn(t: TestContext, ...args: string[]): Try {
  return new Try(t, temporaryFolder(t), args);
}

/** Slots, publications, event triggers, and relations that are not of `TABLES`. */
export async function leftIn(server: Server): Promise<string[]> {
  const rows = await server.query<{ what: string }>(`
    SELECT 'slot ' || slot_name AS what FROM pg_replication_slots
    UNION ALL SELECT 'publication ' || pubname FROM pg_publication
    UNION ALL SELECT 'trigger ' || evtname FROM pg_event_trigger
    UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema', 'My sales')
    UNION ALL SELECT 'relation ' || relname FROM pg_class c WHERE c.oid >= 16384 AND relkind IN ('r', 'p', 'v', 'S') AND relname NOT IN ('flights', 'seen', 'legs', 'legs_1', 'legs_2', 'keyless', 'Order, no')`);
  return rows.map(({ what }) => what);
}

/** Command lines of processes that have this in them. */
export function processesWith(text: string): { readonly pid: number; readonly line: string }[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((name) => ({ pid: Number(name), line: lineOf(name) })).filter(({ line }) => line.includes(text));
}

function lineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // it has ended
  }
}

/** An application that does not stop: also a table without an identity is updated, which in a publication would fail. */
export class Application {
  #going = true;
  readonly #work: Promise<void>;

  constructor(client: pg.Client) {
    this.#work = this.#run(client);
  }

  /** Throws what a command of it has failed with. */
  async stop(): Promise<void> {
    this.#going = false;
    await this.#work;
  }

  async #run(client: pg.Client): Promise<void> {
    for (let i = 0; this.#going; i++) {
      await client.query(`BEGIN;
        UPDATE flights SET alt = alt + 1, note = note || 'x' WHERE id = ${1 + i % 2000};
        INSERT INTO flights VALUES (${10_000 + i}, 0, NULL); DELETE FROM flights WHERE id = ${9_990 + i};
        INSERT INTO seen VALUES (${i % 5}, 1.50), (${i % 5}, 1.50); ${i % 4 === 0 ? `DELETE FROM seen WHERE flight = ${i % 3};` : ''}
        INSERT INTO legs VALUES (${i % 100}, 'a') ON CONFLICT (id) DO UPDATE SET dest = legs.dest || 'b';
        INSERT INTO "My sales"."Order, no" VALUES (${i}); UPDATE keyless SET t = t || '.'; COMMIT`);
      await sleep(PACE_MS);
    }
    await client.end();
  }
}
