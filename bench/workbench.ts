/** What the measurements stand on: a server with the table, a folder, programs. `close` leaves nothing behind. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { Server } from '../dev/postgres.js';
import { CREATE_TABLE, insertRows } from './flights.js';
import { Program, type OwnProgram } from './program.js';
import type { Sizes } from './sizes.js';

const BASE = 'base';
/** Syncs are real, for both sides of a comparison; what runs at its own times is out of the way. */
const SETTINGS = {
  fsync: 'on',
  shared_buffers: '512MB',
  max_wal_size: '32GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
  max_replication_slots: '50',
  max_locks_per_transaction: '1024', // a partitioned table is locked partition by partition
  timezone: 'UTC',
};

export class Workbench {
  readonly #folder = mkdtempSync(join(tmpdir(), 'deltamirror-bench-'));
  readonly #starting: Promise<Server>;
  readonly #programs = new Set<Program>();
  #closing: Promise<void> | undefined;
  #numbers = 0;
  server!: Server;

  constructor(readonly sizes: Sizes, readonly tell: (text: string) => void) {
    this.#starting = Server.start({ settings: SETTINGS });
    this.#starting.catch(() => {}); // open() tells
  }

  /** Makes the table that every measurement begins with. */
  async open(): Promise<void> {
    this.server = await this.#starting;
    await this.server.query(`create database ${BASE}`);
    await this.withClient(BASE, async (client) => {
      await client.query(CREATE_TABLE);
      await client.query(insertRows(1, this.sizes.rows));
      await client.query('create publication bench for all tables'); // pgoutput wants one, made before what it is to decode
      await client.query('vacuum analyze');
    });
  }

  /** A database of its own, with a copy of the table; gives its name. */
  async database(name: string): Promise<string> {
    await this.server.query(`create database ${name} template ${BASE}`);
    return name;
  }

  async withClient<T>(database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = await this.server.client(database);
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  /** A path that nothing has yet, in a folder that is there. */
  path(name: string): string {
    return join(this.#folder, `${name}-${this.#numbers++}`);
  }

  /** An empty folder. */
  directory(name: string): string {
    const path = this.path(name);
    mkdirSync(path);
    return path;
  }

  own(program: OwnProgram, args: readonly string[]): Program {
    return this.#keep(Program.own(program, args));
  }

  /** A module of the benchmarks as a process of its own. */
  node(module: string, args: readonly string[]): Program {
    return this.#keep(new Program(process.execPath, [join(import.meta.dirname, module), ...args]));
  }

  /** A program of this Postgres version, or another one, with the server's environment. */
  program(name: string, args: readonly string[], database: string, environment: NodeJS.ProcessEnv = {}): Program {
    const command = name.startsWith('pg_') ? join(this.server.binaries, name) : name;
    return this.#keep(new Program(command, args, { ...this.server.environment(database), ...environment }));
  }

  /** Writes all that is dirty anywhere, so that the next measurement does not pay for what came before it. */
  settle(): void {
    execFileSync('sync');
  }

  /** Empties the folder. Between benchmarks, not within one: a sync right after a large file was removed has the disk's work of that to do. */
  clear(): void {
    for (const name of readdirSync(this.#folder)) rmSync(join(this.#folder, name), { recursive: true });
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  #keep(program: Program): Program {
    this.#programs.add(program);
    const forget = () => { this.#programs.delete(program); };
    program.ended.then(forget, forget);
    return program;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#programs].map((program) => program.stop()));
    await (await this.#starting.catch(() => undefined))?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
