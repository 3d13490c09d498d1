/**
 * `npm run demo`: a Postgres of its own, a fleet that moves, and the whole path into a SQLite
 * file. `--seconds n` ends it by itself. However it ends, nothing is left behind.
 */
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { reasonOf } from '../src/errors.js';
import { openReader } from '../src/sqlite/open.js';
import { compareAll } from '../test/support/compare.js';
import { Command } from './demo/commands.js';
import { Fleet, TABLES } from './demo/fleet.js';
import { Meter } from './demo/meter.js';
import { count, Screen } from './demo/screen.js';
import { NEWEST } from './embedded.js';
import { Server } from './postgres.js';

const PATIENCE_MS = 20_000;
const ORPHAN_CHECK_MS = 500;
const EXIT_USAGE = 2;
const STOPPED = 'stopped; everything is removed';

const stop = new AbortController();
const stopped = once(stop.signal, 'abort');
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
process.stdout.on('error', () => stop.abort()); // the terminal is gone
const parent = process.ppid;
setInterval(() => { if (process.ppid !== parent) stop.abort(); }, ORPHAN_CHECK_MS).unref(); // npm keeps a SIGTERM to itself

const seconds = readSeconds();
/** What has to go, the newest first. */
const leftovers: (() => Promise<void> | void)[] = [];
const screen = new Screen();
let ending = '';
try {
  ending = await demo();
} catch (error) {
  if (!stop.signal.aborted) process.exitCode = 1;
  ending = stop.signal.aborted ? STOPPED : `demo: ${reasonOf(error)}`;
} finally {
  screen.stop();
  for (const remove of leftovers.reverse()) await attempt(remove);
}
screen.say(ending);
process.exit();

/** Runs until it is stopped, then compares; gives the last line. */
async function demo(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'deltamirror-demo-'));
  leftovers.push(() => rmSync(folder, { recursive: true, force: true }));
  screen.say('starting a Postgres of its own …');
  const server = await Server.start({ version: NEWEST, settings: { fsync: 'on' } });
  leftovers.push(() => server.stop());
  const client = await server.client();
  leftovers.push(() => client.end());
  const fleet = await Fleet.create(client);
  const [{ version }] = await server.query<{ version: string }>("SELECT split_part(current_setting('server_version'), ' ', 1) AS version");

  const cachePath = join(folder, 'cache.db');
  const where = { cwd: folder, env: server.environment() };
  const steps = {
    stream: ['deltastream', ['--slot', 'fleet', '--create-slot', '--out', 'daystream']],
    import: ['deltaimport', ['--tables', TABLES.join(','), '--source', 'daystream', 'cache.db']],
    mirror: ['deltamirror', ['cache.db']],
  } as const;
  const typed = [
    `cd ${folder}; export PGHOST=127.0.0.1 PGPORT=${server.port} PGUSER=postgres`,
    ...Object.values(steps).map(([name, args]) => `${name} ${args.join(' ')}`),
  ];
  for (const line of typed) screen.say(`$ ${line}`);

  // It flies all the while: a copy of tables that change joins the log without a gap.
  let meter: Meter | undefined;
  const flight = fleet.fly((sweep, rows) => meter?.committing(sweep, rows));
  leftovers.push(() => fleet.land());
  const stream = follow(...steps.stream, where);
  const streaming = [failure(stream), flight, stopped];
  await Promise.race([until(() => existsSync(join(folder, 'daystream')), 'deltastream did not begin'), ...streaming]);
  const copy = follow(...steps.import, where);
  await Promise.race([copy.done(), ...streaming]);
  if (stop.signal.aborted) return STOPPED;
  const mirror = follow(...steps.mirror, where);

  const cache = openReader(cachePath);
  leftovers.push(() => { cache.close(); });
  const newest = cache.prepare<[], number | null>('SELECT max(id) FROM sweeps').pluck();
  const imported = newest.get();
  const following = [failure(mirror), ...streaming];
  await Promise.race([until(() => newest.get() !== imported, 'nothing arrived in the cache'), ...following]);
  if (stop.signal.aborted) return STOPPED;
  const measured = meter = new Meter(() => newest.get() ?? 0);
  leftovers.push(() => measured.close());
  screen.start({ title: `PostgreSQL ${version} → daystream → SQLite`, typed, cachePath, cache }, () => measured.read());
  await Promise.race([...(seconds === undefined ? [] : [sleep(seconds * 1000)]), ...following]);

  const { p50Ms, p99Ms } = measured.read();
  await fleet.land();
  await Promise.race([until(() => newest.get() === fleet.sweeps, 'the cache did not catch up'), failure(stream), failure(mirror)]);
  const rows = await compareAll(client, cachePath, TABLES);
  return `equal: ${TABLES.length} tables, ${count(rows)} rows compared value by value, after ${count(measured.rows)} rows with a lag of p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms; everything is removed`;
}

/** What cannot be removed must not keep the rest from being removed. */
async function attempt(remove: () => Promise<void> | void): Promise<void> {
  try {
    await remove();
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`demo: left behind: ${reasonOf(error)}\n`);
  }
}

/** Starts a command that is stopped at the end. */
function follow(...of: ConstructorParameters<typeof Command>): Command {
  const command = new Command(...of);
  leftovers.push(() => command.stop());
  return command;
}

async function until(holds: () => boolean, otherwise: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`${otherwise} in ${PATIENCE_MS / 1000} s`);
    await sleep(1);
  }
}

/** Rejects when a command that should go on has ended. */
async function failure(command: Command): Promise<never> {
  await command.done();
  throw new Error('a command that follows has ended by itself');
}

/** What `--seconds` says; undefined: until somebody stops it. */
function readSeconds(): number | undefined {
  try {
    const { values } = parseArgs({ options: { seconds: { type: 'string' } } });
    if (values.seconds === undefined) return undefined;
    const given = Number(values.seconds);
    if (!(given > 0)) throw new Error(`--seconds ${values.seconds}: is not a number of seconds`);
    return given;
  } catch (error) {
    process.stderr.write(`demo: ${reasonOf(error)} — try: npm run demo -- --seconds 10\n`);
    process.exit(EXIT_USAGE);
  }
}
