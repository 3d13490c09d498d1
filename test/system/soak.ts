/**
 * The long run: pgbench at scale 10 for some seconds, SQL files of the user's loaded
 * while the mirrors follow, two mirrors started at different times, everything compared.
 *
 *   npm run soak -- 60
 *   npm run soak -- 60 --before schema.sql --during data.sql
 *
 * Or the same load read by four hosts in four ways, which are cut all along:
 *
 *   npm run soak -- 600 --hosts
 *
 * Or random schemas, values and changes, each seed one of its own:
 *
 *   npm run soak -- --seeds 1000
 *   npm run soak -- --seeds 1 --from 12345
 *
 * Or with schemas that change meanwhile, known by triggers or by looking at the catalog:
 *
 *   npm run soak -- --schema --seeds 1000 --detection polling
 *
 * Or a log read through a server that lies, at each byte; a hundredth of it:
 *
 *   npm run soak -- --lies
 *   npm run soak -- --lies --share 0.01
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import { command, count, run } from '../../src/cli.js';
import { Server } from '../../dev/postgres.js';
import { runMigrations, undone } from '../generator/migrations/seeds.js';
import { runSeeds } from '../generator/seeds.js';
import { Path, until } from '../support/path.js';
import { Random } from '../support/random.js';
import { followFromFour } from './soak-hosts.js';
import { soakLies } from './soak-lies.js';

interface Options {
  readonly before: string[];
  readonly during: string[];
  readonly scale: number;
  readonly seeds?: number;
  readonly from?: number;
  readonly partitions: 'root' | 'leaf';
  readonly schema?: true;
  readonly hosts?: true;
  readonly lies?: true;
  readonly share: number;
  readonly detection: 'triggers' | 'polling';
  readonly plugin: 'deltastream' | 'pgoutput';
}

const collect = (value: string, all: string[]) => [...all, value];

const program = command('soak', 'Mirrors a busy database for a while and compares every value.')
  .argument('[seconds]', 'how long pgbench runs', count, 60)
  .option('--before <file>', 'SQL to run by psql before the first import (again for more)', collect, [])
  .option('--during <file>', 'SQL to run by psql while the mirrors follow (again for more)', collect, [])
  .option('--scale <n>', 'scale of pgbench', count, 10)
  .option('--hosts', 'four hosts: from the folder, by ssh, by nginx and by daystream serve, which are cut meanwhile')
  .option('--lies', 'no Postgres: a log read through a server that lies at each byte')
  .option('--share <n>', 'with --lies: of all places, 0 to 1', Number, 1)
  .option('--seeds <n>', 'no pgbench: random schemas, values and changes of so many seeds', count)
  .option('--schema', 'with --seeds: schemas that change while rows do')
  .addOption(new Option('--detection <how>', 'with --schema: how deltastream hears of a change').choices(['triggers', 'polling']).default('triggers'))
  .addOption(new Option('--plugin <name>', 'with --schema: of the slot').choices(['deltastream', 'pgoutput']).default('deltastream'))
  .option('--from <seed>', 'the first seed (default: a random one)', count)
  .addOption(new Option('--partitions <whose>', 'by whose names the log has the rows of partitions').choices(['root', 'leaf']).default('root'))
  .action((seconds: number, options: Options) => {
    if (options.lies === true) return lie(options.share);
    return options.seeds === undefined ? soak(seconds, options) : soakSeeds(options.seeds, options);
  });

async function lie(share: number): Promise<void> {
  if (await soakLies(share, say) > 0) process.exitCode = 1;
}

async function soakSeeds(count: number, options: Options): Promise<void> {
  const first = options.from ?? new Random().seed;
  say(`${count} seeds from ${first}`);
  const failures = options.schema === true ? await soakSchemas(first, count, options) : (await runSeeds(first, count, options.partitions, say)).failures;
  for (const failure of failures) say(`FAILED: ${failure}`);
  if (failures.length > 0) process.exitCode = 1;
}

async function soakSchemas(first: number, count: number, { detection, partitions, plugin }: Options): Promise<readonly string[]> {
  const { failures, done } = await runMigrations(first, count, { detection, partitions, plugin }, say);
  say(`never done: ${undone(done).join(', ') || 'nothing'}`);
  return failures;
}

async function soak(seconds: number, options: Options): Promise<void> {
  const server = await Server.start({ settings: { fsync: 'on' } });
  const folder = mkdtempSync(join(tmpdir(), 'deltamirror-soak-'));
  const path = await Path.on(server, folder);
  const ends: (() => unknown)[] = [];
  try {
    server.tool('pgbench', ['-i', '-q', '-s', String(options.scale)]);
    for (const file of options.before) psql(path, file);
    path.deltastream();
    await until('the log to begin', () => path.hasBegun);
    const [early, late] = [path.cache('early.db'), path.cache('late.db')];
    await path.import('*.*', early);
    path.mirror(early);
    const bench = spawn(join(server.binaries, 'pgbench'), ['-n', '-c', '4', '-P', '10', '-T', String(seconds)], { env: path.environment, stdio: ['ignore', 'inherit', 'inherit'] });
    const ended = once(bench, 'exit');
    for (const file of options.during) psql(path, file);
    const others = options.hosts === true ? await followFromFour({ after: (end) => ends.unshift(end) }, path, ended, say) : [];
    if (options.hosts !== true) await sleep(seconds * 300); // the second import falls into the load
    await path.import('*.*', late);
    path.mirror(late);
    await ended;
    await path.caughtUp(early, late, ...others);
    const tables = await tablesOf(server);
    for (const cache of [early, late, ...others]) say(`${cache}: ${await path.compare(cache, tables)} rows of ${tables.length} tables equal Postgres, value by value`);
    say(path.run('daystream', 'verify', path.log).stdout.trim());
  } finally {
    await path.end();
    for (const end of ends) await end();
    rmSync(folder, { recursive: true, force: true });
  }
}

function psql(path: Path, file: string): void {
  say(`psql -f ${file}`);
  path.server.tool('psql', ['-q', '-f', file]);
}

/** Every table that is followed: partitions and unlogged tables are not, their roots are. */
async function tablesOf(server: Server): Promise<string[]> {
  const rows = await server.query<{ name: string }>(`
    SELECT CASE nspname WHEN 'public' THEN relname ELSE nspname || '.' || relname END AS name
    FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND relpersistence = 'p'
      AND nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`);
  return rows.map(({ name }) => name);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

await run(program);
