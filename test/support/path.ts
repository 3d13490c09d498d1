/** The whole path on a real Postgres: the commands as a user starts them, each a process of its own. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import pg from 'pg';
import { programPath } from '../../dev/programs.js';
import { Server, type ServerOptions } from '../../dev/postgres.js';
import { isSegmentName } from '../../src/daystream/segment.js';
import { readPosition } from '../../src/sqlite/position.js';
import { openReader } from '../../src/sqlite/open.js';
import { compareAll } from './compare.js';
import { engineOf } from './engine.js';
import { temporaryFolder } from './folder.js';

const MAINS = { deltastream: 'deltastream', deltaimport: 'import', deltamirror: 'deltamirror', daystream: 'inspect' } as const;
const WAIT_MS = 120_000;

export type CommandName = keyof typeof MAINS;

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export function runCommand(name: CommandName, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [mainOf(name), ...args], { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

function mainOf(name: CommandName): string {
  return programPath(MAINS[name]);
}

/** A command that goes on: started, killed, started again. */
export class Daemon {
  #child: ChildProcess | undefined;
  stderr = '';

  constructor(readonly name: CommandName, readonly args: readonly string[], readonly env: NodeJS.ProcessEnv) {}

  get pid(): number { return this.#child?.pid ?? 0; }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  start(): this {
    const child = spawn(process.execPath, [mainOf(this.name), ...this.args], { env: this.env, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.setEncoding('utf8').on('data', (text: string) => { this.stderr += text; });
    this.#child = child;
    return this;
  }

  /** Ends it by a signal; gives its exit status, null when the signal killed it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return null;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    child.kill(signal);
    const [status] = (await once(child, 'exit')) as [number | null];
    return status;
  }

  /** Waits until it ends by itself. */
  async ended(): Promise<number | null> {
    const child = this.#child;
    assert.ok(child !== undefined, `${this.name} was not started`);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    this.#child = undefined;
    return child.exitCode;
  }

  /** Throws where it has ended by itself. */
  assertRunning(): void {
    const child = this.#child;
    if (child !== undefined && child.exitCode !== null) throw new Error(`${this.name} ended with ${child.exitCode}: ${this.stderr}`);
  }
}

/** A server, a folder for log and caches, and the daemons of one test; all gone at its end. */
export class Path {
  readonly log: string;
  readonly #daemons: Daemon[] = [];
  #marker = 0;

  private constructor(readonly server: Server, readonly folder: string) {
    this.log = join(folder, 'log');
  }

  static async start(t: TestContext, options: ServerOptions = {}): Promise<Path> {
    const path = await Path.on(await Server.start(options), temporaryFolder(t));
    t.after(() => path.end());
    return path;
  }

  /** On a server that runs already; `end` stops it. */
  static async on(server: Server, folder: string): Promise<Path> {
    await server.query('CREATE TABLE marker (n bigint PRIMARY KEY)');
    return new Path(server, folder);
  }

  /** Kills the daemons and stops the server. */
  async end(): Promise<void> {
    for (const daemon of this.#daemons) await daemon.stop('SIGKILL');
    await this.server.stop();
  }

  get environment(): NodeJS.ProcessEnv { return this.server.environment(); }

  daemon(name: CommandName, ...args: string[]): Daemon {
    const daemon = new Daemon(name, args, this.#environmentOf(name, args)).start();
    this.#daemons.push(daemon);
    return daemon;
  }

  /** Runs a command that must succeed. */
  run(name: CommandName, ...args: string[]): Ended {
    const ended = runCommand(name, args, this.#environmentOf(name, args));
    assert.equal(ended.status, 0, `${name} ${args.join(' ')}: ${ended.stderr}`);
    return ended;
  }

  /** The last argument of who writes a cache is the cache. */
  #environmentOf(name: CommandName, args: readonly string[]): NodeJS.ProcessEnv {
    const cache = args.at(-1);
    if (cache === undefined || (name !== 'deltaimport' && name !== 'deltamirror')) return this.environment;
    return { ...this.environment, DELTAMIRROR_ENGINE: engineOf(cache) };
  }

  deltastream(...args: string[]): Daemon {
    return this.daemon('deltastream', '--slot', 'test', '--create-slot', '--out', this.log, ...args);
  }

  /** True once there is a log that can be joined. */
  get hasBegun(): boolean { return existsSync(this.log) && readdirSync(this.log).some(isSegmentName); }

  cache(name = 'cache.db'): string { return join(this.folder, name); }

  /** Waits until the log is there, then copies the tables. */
  async import(tables: string, cache = this.cache()): Promise<void> {
    await until('the log to begin', () => this.hasBegun);
    const daemon = this.daemon('deltaimport', '--tables', `${tables},marker`, '--source', this.log, cache);
    assert.equal(await daemon.ended(), 0, daemon.stderr);
  }

  mirror(cache = this.cache(), ...args: string[]): Daemon {
    return this.daemon('deltamirror', ...args, cache);
  }

  /** Waits until a cache holds a row that is written now, and so everything before it. */
  async caughtUp(...caches: string[]): Promise<void> {
    const n = ++this.#marker;
    await this.server.query(`INSERT INTO marker VALUES (${n})`);
    for (const cache of caches) {
      await this.until(`${cache} to catch up`, () => {
        const reader = openReader(cache);
        try {
          return reader.prepare('SELECT 1 FROM marker WHERE n = ?').get(n) !== undefined;
        } finally {
          reader.close();
        }
      });
    }
  }

  /** Waits for a condition; throws where a daemon ends meanwhile. */
  async until(what: string, condition: () => boolean): Promise<void> {
    try {
      await until(what, () => {
        for (const daemon of this.#daemons) daemon.assertRunning();
        return condition();
      });
    } catch (error) {
      throw new Error(this.#daemons.map(({ name, stderr }) => `${name}:\n${stderr.split('\n').slice(-8).join('\n')}`).join('\n'), { cause: error });
    }
  }

  /** Every table, every value: Postgres against the cache. Gives the rows compared. */
  async compare(cache: string, tables: readonly string[]): Promise<number> {
    const client = await this.server.client();
    try {
      return await compareAll(client, cache, tables);
    } finally {
      await client.end();
    }
  }

  async client(): Promise<pg.Client> {
    return this.server.client();
  }
}

/** Where a cache stands, as `clock:sequence` and LSN. */
export function positionOf(cache: string): ReturnType<typeof readPosition> {
  const reader = openReader(cache);
  try {
    return readPosition(reader);
  } finally {
    reader.close();
  }
}

/** Waits for a condition, and says which one did not come. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await sleep(20);
  }
}
