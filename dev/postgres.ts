/**
 * A throwaway Postgres: initialised in a temporary folder with its own port and
 * socket, everything removed at the end. The system's, with our plugin beside it, or
 * one of those that npm brings. For the demo, the tests and the benchmarks.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { once } from 'node:events';
import pg from 'pg';
import { unpackServer, type Version } from './embedded.js';

const START_TIMEOUT_MS = 60_000;
/** Names the folder of data folders that servers are copied from: initdb is most of what a short-lived server costs. */
const MADE = 'DELTAMIRROR_DATA_FOLDERS';
let started = 0;
const ROOT = resolve(import.meta.dirname, '../..');

export interface ServerOptions {
  /** A server out of npm's packages, which has neither our plugin nor client programs; absent: the system's. */
  readonly version?: Version;
  /** Lines of postgresql.conf, over the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Arguments of initdb beside ours, such as `--encoding=LATIN1`. */
  readonly initdb?: readonly string[];
  /** False: the plugin is neither copied nor allowed. */
  readonly plugin?: boolean;
}

/** A running server. `url()` gives a connection string; `stop()` removes every trace. */
export class Server {
  #process: ChildProcess | undefined;

  private constructor(
    readonly directory: string,
    readonly port: number,
    readonly binaries: string,
  ) {}

  static async start(options: ServerOptions = {}): Promise<Server> {
    const directory = mkdtempSync(join(tmpdir(), 'deltamirror-pg-'));
    try {
      const binaries = options.version === undefined ? findBinaries() : unpackServer(options.version, join(directory, 'postgres'));
      const server = new Server(directory, await freePort(), binaries);
      asPostgresOwner(directory);
      mkdirSync(join(directory, 'lib'));
      if (hasPlugin(options)) copyFileSync(pluginPath(), join(directory, 'lib', 'deltastream.so'));
      const made = options.version === undefined && options.initdb === undefined ? nextMade() : undefined;
      if (made === undefined) server.#initialise(options.initdb);
      else execFileSync('cp', ['-a', made, server.data]);
      writeFileSync(join(server.data, 'postgresql.auto.conf'), server.#settings(options));
      asPostgresOwner(join(server.data, 'postgresql.auto.conf'));
      await server.launch();
      return server;
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** A standby with a copy of another server's files, which is stopped for it, and starts again before. That one's slots are not in it. Stop it first. */
  static async standbyOf(primary: Server, settings: Readonly<Record<string, string>> = {}): Promise<Server> {
    const directory = mkdtempSync(join(tmpdir(), 'deltamirror-pg-'));
    const standby = new Server(directory, await freePort(), primary.binaries);
    asPostgresOwner(directory);
    await primary.halt('fast');
    execFileSync('cp', ['-a', primary.data, standby.data]);
    await primary.launch();
    const slots = join(standby.data, 'pg_replslot');
    for (const name of readdirSync(slots)) rmSync(join(slots, name), { recursive: true });
    for (const [name, text] of [['standby.signal', ''], ['postgresql.auto.conf', readFileSync(join(primary.data, 'postgresql.auto.conf'), 'utf8') + settingLines({
      port: String(standby.port),
      unix_socket_directories: directory,
      primary_conninfo: `host=127.0.0.1 port=${primary.port} user=postgres dbname=postgres`,
      ...settings,
    })]]) {
      writeFileSync(join(standby.data, name), text);
      asPostgresOwner(join(standby.data, name));
    }
    await standby.launch();
    return standby;
  }

  get data(): string { return join(this.directory, 'data'); }

  url(database = 'postgres', user = 'postgres'): string {
    return `postgres://${user}@127.0.0.1:${this.port}/${database}`;
  }

  /** A connected client; the caller ends it. */
  async client(database = 'postgres'): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url(database) });
    client.on('error', () => {}); // an immediate stop ends idle clients; the next query tells
    await client.connect();
    return client;
  }

  /** Runs one statement on a connection of its own and gives the rows. */
  async query<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, database = 'postgres'): Promise<Row[]> {
    const client = await this.client(database);
    try {
      return (await client.query<Row>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** Runs a program of this Postgres version (psql, pgbench, pg_recvlogical) against this server. */
  tool(name: string, args: readonly string[], database = 'postgres'): string {
    return execFileSync(join(this.binaries, name), args, { env: this.environment(database), encoding: 'utf8', maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  environment(database = 'postgres'): NodeJS.ProcessEnv {
    return { ...process.env, PGHOST: '127.0.0.1', PGPORT: String(this.port), PGUSER: 'postgres', PGDATABASE: database };
  }

  async launch(): Promise<void> {
    this.#process = spawn(join(this.binaries, 'postgres'), ['-D', this.data], { ...unprivileged(), stdio: 'ignore', cwd: this.directory, detached: true });
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        await (await this.client()).end();
        return;
      } catch (error) {
        if (this.#process.exitCode !== null || Date.now() > deadline) {
          throw new Error(`postgres did not start in ${this.directory}`, { cause: error });
        }
        await new Promise((done) => setTimeout(done, 50));
      }
    }
  }

  /** Stops the server, `fast` (a clean shutdown) or `immediate` (as after a crash); `launch()` starts it again. */
  async halt(mode: 'fast' | 'immediate'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await exited;
    this.#process = undefined;
  }

  /** Makes data folders, each of another system, that servers of the processes started from here on are copied from; gives what removes them. */
  static prepare(count: number): () => void {
    const directory = mkdtempSync(join(tmpdir(), 'deltamirror-pg-'));
    asPostgresOwner(directory);
    for (let i = 0; i < count; i++) new Server(join(directory, String(i)), 0, findBinaries()).#initialise();
    process.env[MADE] = directory;
    return () => rmSync(directory, { recursive: true, force: true });
  }

  async stop(): Promise<void> {
    await this.halt('immediate');
    rmSync(this.directory, { recursive: true, force: true });
  }

  #initialise(args: readonly string[] = ['--encoding=UTF8']): void {
    if (!existsSync(this.directory)) mkdirSync(this.directory);
    asPostgresOwner(this.directory);
    this.#runAsPostgres('initdb', ['-D', this.data, '-U', 'postgres', '--auth=trust', '--no-sync', '--locale=C.UTF-8', ...args]);
  }

  #settings(options: ServerOptions): string {
    const settings: Record<string, string> = {
      listen_addresses: '127.0.0.1',
      port: String(this.port),
      unix_socket_directories: this.directory,
      wal_level: 'logical',
      max_replication_slots: '20',
      max_wal_senders: '20',
      fsync: 'off',
      log_destination: 'stderr',
      logging_collector: 'on',
      log_directory: 'log',
      dynamic_library_path: `$libdir:${join(this.directory, 'lib')}`,
      ...options.settings,
    };
    if (hasPlugin(options) && knowsPluginList(this.binaries)) {
      settings.output_plugin_libraries ??= 'pgoutput, test_decoding, deltastream';
    }
    return settingLines(settings);
  }

  #runAsPostgres(program: string, args: string[]): void {
    execFileSync(join(this.binaries, program), args, { ...unprivileged(), stdio: ['ignore', 'ignore', 'pipe'], cwd: this.directory });
  }
}

function settingLines(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`).join('');
}

/** The next of the data folders that `Server.prepare` made, so that two servers of one test are two systems. */
function nextMade(): string | undefined {
  const directory = process.env[MADE];
  if (directory === undefined || !existsSync(directory)) return undefined;
  const all = readdirSync(directory).sort();
  return join(directory, all[started++ % all.length], 'data');
}

function hasPlugin({ plugin, version }: ServerOptions): boolean {
  return plugin !== false && version === undefined;
}

/** The path of the plugin built from plugin-c/. */
export function pluginPath(): string {
  const path = join(ROOT, 'plugin-c', 'deltastream.so');
  if (!existsSync(path)) throw new Error('plugin-c/deltastream.so is not built: run make -C plugin-c');
  return path;
}

/** The folder of initdb and postgres: $PG_BIN, or the newest version that Debian's layout holds. */
export function findBinaries(): string {
  if (process.env.PG_BIN !== undefined) return process.env.PG_BIN;
  const base = '/usr/lib/postgresql';
  const versions = existsSync(base) ? readdirSync(base).filter((v) => existsSync(join(base, v, 'bin', 'initdb'))) : [];
  if (versions.length === 0) throw new Error('no PostgreSQL server found: run apt-get install postgresql, or set PG_BIN');
  versions.sort((a, b) => Number(b) - Number(a));
  return join(base, versions[0], 'bin');
}

/** True where this server has the list of allowed output plugins (15.19, 16.15, 17.11, 18.6 and later). */
function knowsPluginList(binaries: string): boolean {
  const known = pluginLists.get(binaries) ?? asksPluginList(binaries);
  pluginLists.set(binaries, known);
  return known;
}

const pluginLists = new Map<string, boolean>();

function asksPluginList(binaries: string): boolean {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(execFileSync(join(binaries, 'postgres'), ['--version'], { encoding: 'utf8' })) ?? [];
  const since: Record<string, number> = { 15: 19, 16: 15, 17: 11, 18: 6 };
  return Number(major) > 18 || Number(minor) >= (since[major] ?? Infinity);
}

function asPostgresOwner(path: string): void {
  const user = unprivileged();
  if (user !== undefined) chownSync(path, user.uid, user.gid);
}

interface Owner { readonly uid: number; readonly gid: number }

/** Postgres refuses to run as root, so root steps down: to the user postgres, and to nobody where no package has made that one. */
function unprivileged(): Owner | undefined {
  return process.getuid?.() === 0 ? owner ??= findOwner() : undefined;
}

let owner: Owner | undefined;

function findOwner(): Owner {
  const name = spawnSync('id', ['postgres'], { stdio: 'ignore' }).status === 0 ? 'postgres' : 'nobody';
  const id = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** A port of this machine that nobody listens on now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  return port;
}
