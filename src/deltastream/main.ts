#!/usr/bin/env node
/** deltastream: Postgres → log. Reads the command line and the signals. */
import { Option, type Command } from 'commander';
import { bytes, command, durationMs, hostAndPort, run, share, type HostAndPort } from '../cli.js';
import { DeltaError } from '../errors.js';
import { deltastream } from './deltastream.js';
import { doctor, type DoctorOptions } from './doctor.js';
import { knowSince } from './known-since.js';
import type { StreamOptions } from './options.js';
import { addDrop } from './drop.js';
import { addReconcile } from '../reconcile/command.js';
import { addReload } from './reload-command.js';
import { Report } from './report.js';
import { addSetup } from './setup.js';
import { addStatus } from './status.js';
import { addTables } from './tables.js';
import { addTry } from '../try/command.js';

const EXIT_SECOND_SIGNAL = 130;
/** What a stop may take, even where a disk hangs: what is not synced then is not confirmed either. */
const STOP_LIMIT_MS = 5_000;
const EXIT_NOT_IN_TIME = 1;

interface Given extends Omit<StreamOptions, 'out' | 'slot' | 'fsyncIntervalMs' | 'schemaIntervalMs' | 'reloadLimitBytes' | 'slotWarning'> {
  readonly out: string | undefined;
  readonly slot: string | undefined;
  readonly fsyncInterval: number;
  readonly schemaInterval: number;
  readonly reloadLimit: number;
  readonly slotWarning: number;
  readonly stdin: boolean;
  readonly metrics?: HostAndPort;
}

const program = withSource(command('deltastream', 'Follows a replication slot and writes what it hears to a log'))
  .usage('--slot NAME --out DIR [options]')
  .option('--out <dir>', 'folder of the log; made where there is none')
  .option('--messages <prefixes>', 'take the logical messages with these prefixes too, separated by commas')
  .addOption(new Option('--fsync-interval <time>', 'sync at most so often (250ms, 1s)').argParser(durationMs).default(10, '10ms'))
  .addOption(new Option('--schema-interval <time>', 'look so often for schema changes that no event trigger tells').argParser(durationMs).default(10_000, '10s'))
  .addOption(new Option('--reload-limit <size>', 'a larger table is not copied into the log (500MB, 2GB)').argParser(bytes).default(1e9, '1GB'))
  .addOption(new Option('--slot-warning <share>', 'warn of the slot from this part of max_slot_wal_keep_size on').argParser(share).default(0.8, '80%'))
  .addOption(new Option('--temporary-slot', 'make a slot that is gone when this ends, and what was made for it; the log has to be new').conflicts(['createSlot', 'stdin']))
  .option('--no-failover', 'make a slot that standbys do not keep a copy of (PostgreSQL 17 and later)')
  .option('--metrics <host:port>', 'serve metrics for Prometheus there, under /metrics (127.0.0.1:9187)', hostAndPort)
  .option('--stdin', 'read what pg_recvlogical -f - prints, in place of a connection of its own')
  .addHelpText('after', `
Examples:
  deltastream --slot fleet --create-slot --out /var/daystream      make the slot and a log, and follow
  deltastream doctor --slot fleet                                  what stands in the way, with its cure
  pg_recvlogical … -f - | deltastream --stdin --slot fleet --out /var/daystream`)
  .enablePositionalOptions()
  .action((given: Given) => stream(given));

withSource(program.command('doctor'))
  .description('name every reason why this Postgres cannot be followed, with its cure')
  .option('--json', 'print one JSON object')
  .addHelpText('after', '\nExample:\n  deltastream doctor --slot fleet --tables \'flights,sales.*\'')
  .action(async (options: DoctorOptions) => {
    if (!(await doctor(options, (line) => process.stdout.write(`${line}\n`)))) process.exitCode = 1;
  });

addSetup(program, partitions(), plugin());
addDrop(program);
addStatus(program);
addTables(program);
addTry(program, plugin());
addReload(program, partitions());
addReconcile(program, plugin(), knowSince);

void run(program);

function withSource(target: Command): Command {
  return target
    .option('--pg <url>', 'postgres://user@host:port/database; else the PG* environment and the password file')
    .option('--slot <name>', 'the replication slot')
    .option('--create-slot', 'make the slot where there is none')
    .option('--tables <patterns>', 't, schema.t, schema.*, separated by commas; else every table')
    .addOption(partitions())
    .addOption(plugin());
}

function plugin(): Option {
  return new Option('--plugin <name>', 'what decodes: deltastream, which the server needs to have, or pgoutput, which each has; auto: the slot\'s, for a new one the first that can be used').choices(['auto', 'deltastream', 'pgoutput']).default('auto');
}

function partitions(): Option {
  return new Option('--partitions <name>', 'a partition\'s rows go by the name of its root or, with leaf, by its own').choices(['root', 'leaf']).default('root');
}

async function stream(given: Given): Promise<void> {
  const options = { ...given, slot: required('--slot', given.slot), out: required('--out', given.out), fsyncIntervalMs: given.fsyncInterval, schemaIntervalMs: given.schemaInterval, reloadLimitBytes: given.reloadLimit };
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(EXIT_SECOND_SIGNAL);
      stop.abort();
      setTimeout(() => process.exit(EXIT_NOT_IN_TIME), STOP_LIMIT_MS).unref();
    });
  }
  const report = new Report();
  const page = given.metrics && await (await import('./meters.js')).serveMetrics(report, given.metrics);
  try {
    if (given.stdin) await (await import('./stdin.js')).streamFrom(process.stdin, options, stop.signal, report);
    else await deltastream(options, stop.signal, report);
  } finally {
    page?.close();
  }
}

function required(name: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw new DeltaError('usage', `${name}: is missing`, { hint: 'deltastream --slot NAME --out DIR' });
}
