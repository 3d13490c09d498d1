/**
 * `npm run demo`: a Postgres of its own, a fleet that moves, and the whole path into a SQLite
 * file. `--seconds n` ends it by itself. However it ends, nothing is left behind.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { reasonOf } from '../src/errors.js';
import { openReader, type Cache } from '../src/sqlite/open.js';
import { compareAll } from '../test/support/compare.js';
import { Command } from './demo/commands.js';
import { Fleet, TABLES } from './demo/fleet.js';
import { Meter } from './demo/meter.js';
import { count, Screen } from './demo/screen.js';
import { Server } from './postgres.js';

const SWEEP_EVERY_MS = 5;
const PATIENCE_MS = 10_000;
const ORPHAN_CHECK_MS = 500;
const EXIT_USAGE = 2;
const STOPPED = 'stopped; everything is removed';

const stop = new AbortController();
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
  for (const remove of leftovers.reverse()) await remove();
}
screen.say(ending);
process.exit();

/** Runs until it is stopped, then compares; gives the last line. */
async function demo(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'deltamirror-demo-'));
  leftovers.push(() => rmSync(folder, { recursive: true, force: true }));
  screen.say('starting a Postgres of its own …');
  const server = await Server.start({ settings: { fsync: 'on' } });
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
  const flight = fly(fleet, (id, rows) => meter?.committing(id, rows));
  const stream = new Command(...steps.stream, where);
  leftovers.push(() => stream.stop());
  const copy = new Command(...steps.import, where);
  leftovers.push(() => copy.stop());
  await Promise.race([copy.done(), failure(stream), flight]);
  if (stop.signal.aborted) return STOPPED;
  const mirror = new Command(...steps.mirror, where);
  leftovers.push(() => mirror.stop());

  const cache = openReader(cachePath);
  leftovers.push(() => { cache.close(); });
  const failed = Promise.race([failure(stream), failure(mirror)]);
  await Promise.race([firstArrival(cache), failed, flight]);
  const measured = meter = new Meter(cache);
  leftovers.push(() => measured.close());
  screen.start({ title: `PostgreSQL ${version} → daystream → SQLite`, typed, cachePath, cache }, () => measured.read());
  await Promise.race([flight, failed]);
  const { p50Ms, p99Ms } = measured.read();
  await Promise.race([until(() => measured.caughtUp, 'the cache did not catch up'), failed]);
  const rows = await compareAll(client, cachePath, TABLES);
  return `equal: ${TABLES.length} tables, ${count(rows)} rows compared value by value, after ${count(measured.rows)} rows with a lag of p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms; everything is removed`;
}

/** Sweeps at a steady pace until the time is over or somebody stops it. */
async function fly(fleet: Fleet, committing: (sweep: number, rows: number) => void): Promise<void> {
  const start = performance.now();
  for (let sweep = 1; !stop.signal.aborted && performance.now() - start < seconds * 1000; sweep++) {
    await fleet.sweep(committing);
    await sleep(Math.max(0, start + sweep * SWEEP_EVERY_MS - performance.now()));
  }
}

/** Resolves when the mirror has begun to move the cache on from where the import left it. */
async function firstArrival(cache: Cache): Promise<void> {
  const newest = cache.prepare('SELECT max(id) FROM sweeps').pluck();
  const imported = newest.get();
  await until(() => newest.get() !== imported, 'nothing arrived in the cache');
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

function readSeconds(): number {
  try {
    const { values } = parseArgs({ options: { seconds: { type: 'string' } } });
    const given = Number(values.seconds ?? Infinity);
    if (!(given > 0)) throw new Error(`--seconds ${values.seconds}: is not a number of seconds`);
    return given;
  } catch (error) {
    process.stderr.write(`demo: ${reasonOf(error)} — try: npm run demo -- --seconds 10\n`);
    process.exit(EXIT_USAGE);
  }
}
