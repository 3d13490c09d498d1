#!/usr/bin/env node
import { InvalidArgumentError } from 'commander';
import { command, plural, run } from '../cli.js';
import { formatPosition } from '../daystream/position.js';
import { parsePatterns } from '../daystream/pattern.js';
import { importTables, type ImportResult } from './import.js';
import { progressTo } from './progress.js';

const JOBS_DEFAULT = 2;
const JOBS_LIMIT = 16;

interface Options {
  readonly tables: string;
  readonly source: string;
  readonly pg?: string;
  readonly jobs: number;
  readonly json?: true;
}

const program = command('deltaimport', 'Copies Postgres tables into a SQLite cache that deltamirror then keeps up to date.')
  .argument('<cache.db>', 'the SQLite file to make; an existing cache is replaced when the copy is whole')
  .requiredOption('--tables <patterns>', 't, schema.t, schema.*, * or *.*, separated by commas')
  .requiredOption('--source <folder>', 'the folder that deltastream writes')
  .option('--pg <url>', 'postgres://user@host:5432/database (default: the PG* environment)')
  .option('--jobs <n>', 'tables copied side by side', parseJobs, JOBS_DEFAULT)
  .option('--json', 'print the result as JSON')
  .addHelpText('after', `
Examples:
  deltaimport --tables flights,airports --source /var/daystream cache.db
  deltaimport --pg postgres://me@db.example/app --tables 'sales.*' --source /var/daystream cache.db`)
  .action(async (cache: string, options: Options) => {
    const progress = progressTo(process.stderr);
    const abort = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
    const patterns = parsePatterns(options.tables);
    const result = await importTables({ patterns, source: options.source, postgres: options.pg, jobs: options.jobs, cache }, progress, abort.signal)
      .finally(() => progress.stop());
    process.stdout.write(options.json === true ? `${asJson(result)}\n` : asText(result));
  });

await run(program);

function parseJobs(text: string): number {
  const jobs = Number(text);
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > JOBS_LIMIT) throw new InvalidArgumentError(`Write a number from 1 to ${JOBS_LIMIT}.`);
  return jobs;
}

function asText(result: ImportResult): string {
  const rows = total(result);
  const lines = [
    ...result.passedOver.map(({ schema, table, reason }) => `not followed: ${schema}.${table} ${reason}`),
    ...result.tables.flatMap(({ leftOut }) => leftOut.map(({ name, reason }) => `index left out: ${name}, ${reason}`)),
    `${result.cache}: ${plural(result.tables.length, 'table')}, ${plural(rows, 'row')} in ${result.seconds.toFixed(1)} s, at ${formatPosition(result.position)}`,
  ];
  return `${lines.join('\n')}\n`;
}

function asJson(result: ImportResult): string {
  return JSON.stringify({ ...result, position: formatPosition(result.position), rows: total(result) });
}

function total({ tables }: ImportResult): number {
  return tables.reduce((sum, { rows }) => sum + rows, 0);
}
