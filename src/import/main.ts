#!/usr/bin/env node
import { InvalidArgumentError, Option } from 'commander';
import { command, oneLine, plural, run } from '../cli.js';
import { openTransport } from '../daystream/transports/open.js';
import { formatPosition } from '../daystream/position.js';
import { parsePatterns } from '../daystream/pattern.js';
import { DeltaError } from '../errors.js';
import { chooseEngine, type EngineName } from '../sqlite/native.js';
import type { Numeric } from '../sqlite/values.js';
import { bootstrapCache, bootstrapText } from './bootstrap.js';
import { importTables, type ImportOptions, type ImportResult } from './import.js';
import { progressTo, type Progress } from '../load/progress.js';

const JOBS_DEFAULT = 2;
const JOBS_LIMIT = 16;

interface Options {
  readonly tables?: string;
  readonly bootstrap?: true;
  readonly source?: string;
  readonly tokenFile?: string;
  readonly insecure?: true;
  readonly into?: string;
  readonly pg?: string;
  readonly rename?: readonly string[];
  readonly columns?: readonly string[];
  readonly where?: readonly string[];
  readonly numeric?: Numeric;
  readonly jobs: number;
  readonly engine?: EngineName;
  readonly json?: true;
}

const program = command('deltaimport', 'Copies Postgres tables into a SQLite cache that deltamirror then keeps up to date.')
  .argument('[cache.db]', 'the SQLite file to make; an existing cache is replaced when the copy is whole')
  .option('--table, --tables <patterns>', 't, schema.t, schema.*, * or *.*, separated by commas')
  .option('--source <folder or url>', 'the folder that deltastream writes; or ssh://, http:// or https:// where it is another host\'s')
  .option('--token-file <file>', 'what the server of an http source is shown, else DAYSTREAM_TOKEN')
  .option('--insecure', 'show the token also by http:// to another machine, where others may read it')
  .option('--into <cache.db>', 'a cache that is there: only these tables are made anew or added, the others stay')
  .option('--bootstrap', 'begin with the newest snapshot that deltamirror publish wrote beside the log, without Postgres')
  .option('--pg <url>', 'postgres://user@host:5432/database (default: the PG* environment)')
  .option('--columns <table=list>', 'only these columns, and the key; once for each table', collect)
  .option('--where <table: filter>', 'only the rows that a filter holds for (docs/filters.md); once for each table', collect)
  .option('--rename <name=name>', 'another name in the cache for a table, or for table.column; as often as needed', collect)
  .addOption(new Option('--numeric <class>', 'how numeric and money are held: exactly, or rounded to 8 bytes').choices(['text', 'real']))
  .option('--jobs <n>', 'tables copied side by side', parseJobs, JOBS_DEFAULT)
  .addOption(new Option('--engine <name>', 'what takes the rows in (default: native, where it loads)').choices(['native', 'ts']))
  .option('--json', 'print the result as JSON')
  .addHelpText('after', `
Examples:
  deltaimport --tables flights,airports --source /var/daystream cache.db
  deltaimport --pg postgres://me@db.example/app --tables 'sales.*' --source /var/daystream cache.db
  deltaimport --tables flights --columns 'flights=id,ident,dest' --where "flights: dest = 'KIAH'" --source /var/daystream cache.db
  deltaimport --tables flights --source https://log.example/day/ --token-file token cache.db
  deltaimport --table flights --into cache.db        bring one table back from quarantine
  deltaimport --bootstrap --source https://log.example/day/ cache.db         all that the snapshot has
  deltaimport --bootstrap --tables flights --source /var/daystream cache.db  or a part of it`)
  .action(async (cache: string | undefined, options: Options) => {
    const progress = progressTo(process.stderr);
    const abort = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
    if (options.bootstrap === true) return bootstrap(cache, options, progress, abort.signal);
    const engine = chooseEngine(options.engine, (text) => progress.say(text));
    const result = await importTables({ ...toImport(cache, options), engine }, progress, abort.signal).finally(() => progress.stop());
    process.stdout.write(options.json === true ? `${asJson(result)}\n` : asText(result));
  });

void run(program);

async function bootstrap(cache: string | undefined, options: Options, progress: Progress, signal: AbortSignal): Promise<void> {
  const { source, tokenFile, insecure, into, pg, tables, rename = [], columns = [], where = [], numeric } = options;
  const other = into !== undefined ? '--into' : pg !== undefined ? '--pg' : undefined;
  if (other !== undefined) throw new DeltaError('usage', `--bootstrap takes all from a published snapshot, so ${other} means nothing there`, { hint: `leave out ${other}` });
  if (cache === undefined) throw new DeltaError('usage', 'name the cache to make', { hint: 'try: deltaimport --help' });
  if (source === undefined) throw missing('--source <folder or url>');
  const log = openTransport(source, { tell: (text) => progress.say(text), signal, tokenFile, insecure });
  try {
    const result = await bootstrapCache(log, { cache, patterns: tables === undefined ? undefined : parsePatterns(tables), asked: { rename, columns, where, numeric } }, progress, signal).finally(() => progress.stop());
    process.stdout.write(options.json === true ? `${JSON.stringify(result)}\n` : `${bootstrapText(result).map(oneLine).join('\n')}\n`);
  } finally {
    await log.close();
  }
}

function missing(option: string): DeltaError {
  return new DeltaError('usage', `required option '${option}' not specified`, { hint: 'try: deltaimport --help' });
}

function toImport(cache: string | undefined, { source, tokenFile, insecure, into, pg, jobs, tables, ...options }: Options): Omit<ImportOptions, 'engine'> {
  const path = into ?? cache;
  if (path === undefined || (into !== undefined && cache !== undefined)) throw new DeltaError('usage', 'name one cache: a file to make, or --into with one that is there', { hint: 'try: deltaimport --help' });
  if (into === undefined && source === undefined) throw missing('--source <folder or url>');
  if (tables === undefined) throw missing('--table, --tables <patterns>');
  const { rename = [], columns = [], where = [], numeric } = options;
  return { patterns: parsePatterns(tables), source, tokenFile, insecure, cache: path, into: into !== undefined, postgres: pg, jobs, asked: { rename, columns, where, numeric } };
}

function collect(one: string, before: readonly string[] = []): readonly string[] {
  return [...before, one];
}

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
    ...result.warnings.map((warning) => `warning: ${warning}`),
    `${result.cache}: ${plural(result.tables.length, 'table')}, ${plural(rows, 'row')} in ${result.seconds.toFixed(1)} s, at ${formatPosition(result.position)}`,
  ];
  return `${lines.map(oneLine).join('\n')}\n`;
}

function asJson(result: ImportResult): string {
  return JSON.stringify({ ...result, position: formatPosition(result.position), rows: total(result) });
}

function total({ tables }: ImportResult): number {
  return tables.reduce((sum, { rows }) => sum + rows, 0);
}
