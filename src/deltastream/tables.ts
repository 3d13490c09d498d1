/** `deltastream tables`: which tables a log follows, and its change while deltastream runs. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { oneLine, type command } from '../cli.js';
import { Folder, requireFolder } from '../daystream/folder.js';
import type { Following } from '../daystream/following.js';
import { horizonsBackward } from '../daystream/horizons.js';
import { matches, parsePatterns, written, type Pattern } from '../daystream/pattern.js';
import { DeltaError } from '../errors.js';
import { lock, type Lock } from '../lock.js';
import { connect } from '../postgres/connection.js';
import { readTablePrints } from '../postgres/fingerprint.js';
import { readFollowedTables, writeFollowedTables, type FollowedTables } from './followed-tables.js';

type Program = ReturnType<typeof command>;

interface TablesOptions {
  readonly out: string;
  readonly pg?: string;
  readonly json?: boolean;
}

/** What one call found or did. */
interface Answer {
  readonly patterns: readonly Pattern[];
  readonly partitions: Following['partitions'];
  /** In words, what is different now. */
  readonly said: readonly string[];
}

type Change = (current: readonly Pattern[], named: readonly Pattern[]) => Omit<Answer, 'partitions'>;

const LOCK_PATIENCE_MS = 5_000;
const LOCK_RETRY_MS = 50;

/** Adds the subcommands. */
export function addTables(program: Program): void {
  const tables = program.command('tables').description('list, add or remove the tables that a log follows, also while deltastream runs');
  addCommand(tables, 'list', 'print the patterns; with --pg, the tables that each of them is now').action((options: TablesOptions) => tell(undefined, '', options));
  addCommand(tables, 'add <patterns>', 'follow more tables; hosts that want them get a copy').action((patterns: string, options: TablesOptions) => tell(add, patterns, options));
  addCommand(tables, 'remove <patterns>', 'follow them no longer').action((patterns: string, options: TablesOptions) => tell(remove, patterns, options));
}

function addCommand(tables: Program, name: string, description: string): Program {
  return tables.command(name)
    .description(description)
    .requiredOption('--out <dir>', 'folder of the log')
    .option('--pg <url>', 'ask this Postgres which tables the patterns are')
    .option('--json', 'print one JSON object');
}

async function tell(change: Change | undefined, text: string, options: TablesOptions): Promise<void> {
  const named = text === '' ? [] : parsePatterns(text);
  const answer = await (change === undefined ? listed(options.out) : changed(options.out, change, named));
  const found = options.pg === undefined ? undefined : await tablesOf(options.pg, answer);
  const lines = options.json === true ? [JSON.stringify(asObject(answer, found))] : describe(answer, found, named);
  for (const line of lines) process.stdout.write(`${line}\n`);
}

/** Without the lock, which takes a right to write: the list is replaced as a whole. */
async function listed(out: string): Promise<Answer> {
  const newest = await newestFollowing(out);
  return { patterns: patternsOf(current(out, newest)), partitions: newest.partitions, said: [] };
}

/** Reads, changes and writes the list, as the only one. */
async function changed(out: string, change: Change, named: readonly Pattern[]): Promise<Answer> {
  const newest = await newestFollowing(out);
  const held = await lockList(out);
  try {
    const followed = current(out, newest);
    if (followed === undefined) {
      throw new DeltaError('usage', `${out}: every table is followed already`, { hint: 'to choose, start deltastream with --tables' });
    }
    const answer = change(patternsOf(followed), named);
    const tables = answer.patterns.map(({ text }) => text).join();
    if (tables !== followed.tables) writeFollowedTables(out, { ...followed, tables });
    return { ...answer, partitions: newest.partitions };
  } finally {
    held.release();
  }
}

/** Undefined where every table is followed, so that there is no list. */
function current(out: string, { tables }: Following): FollowedTables | undefined {
  return readFollowedTables(out) ?? (tables === undefined ? undefined : { base: tables, tables });
}

function patternsOf(followed: FollowedTables | undefined): readonly Pattern[] {
  return parsePatterns(followed?.tables ?? '*.*');
}

function add(current: readonly Pattern[], named: readonly Pattern[]): Omit<Answer, 'partitions'> {
  const patterns = [...current];
  const said = named.map((pattern) => {
    if (patterns.some((other) => isSame(other, pattern))) return `${pattern.text}: is followed already`;
    patterns.push(pattern);
    return `${pattern.text}: is followed from now on`;
  });
  return { patterns: parsePatterns(patterns.map(({ text }) => text).join()), said };
}

function remove(current: readonly Pattern[], named: readonly Pattern[]): Omit<Answer, 'partitions'> {
  const absent = named.find((pattern) => !current.some((other) => isSame(other, pattern)));
  const all = current.map(({ text }) => text).join();
  if (absent !== undefined) throw new DeltaError('usage', `${absent.text}: is not in the list ${all}`, { hint: 'name one of the list as it stands there' });
  const patterns = current.filter((pattern) => !named.some((other) => isSame(other, pattern)));
  if (patterns.length === 0) throw new DeltaError('usage', `${all}: nothing would be left to follow`, { hint: 'add what is to be followed first' });
  return { patterns, said: named.map(({ text }) => `${text}: is followed no longer`) };
}

function isSame(a: Pattern, b: Pattern): boolean {
  return a.schema === b.schema && a.table === b.table;
}

/** What the log's newest horizon says. */
async function newestFollowing(out: string): Promise<Following> {
  requireFolder(out);
  const folder = new Folder(out);
  try {
    for await (const horizon of horizonsBackward(folder)) return horizon;
  } finally {
    await folder.close();
  }
  throw new DeltaError('log-missing', `${out}: holds no log that says what it follows`, { hint: 'start deltastream first' });
}

/** Whoever holds it is done in a moment. */
async function lockList(out: string): Promise<Lock> {
  const deadline = performance.now() + LOCK_PATIENCE_MS;
  for (;;) {
    try {
      return lock(join(out, '.tables.lock'), 'deltastream tables');
    } catch (error) {
      if (!(error instanceof DeltaError) || error.code !== 'busy' || performance.now() > deadline) throw error;
      await sleep(LOCK_RETRY_MS);
    }
  }
}

/** By the text of each pattern, what it is now. */
async function tablesOf(pg: string, { patterns, partitions }: Answer): Promise<Map<string, string[]>> {
  const client = await connect(pg, { applicationName: 'deltastream' });
  try {
    const tables = (await readTablePrints(client, partitions)).filter(({ own }) => own);
    return new Map(patterns.map((pattern) => [
      pattern.text,
      tables.filter(({ schema, table }) => matches(pattern, schema, table)).map(({ schema, table }) => written(schema, table)).sort(),
    ]));
  } finally {
    await client.end();
  }
}

function asObject({ patterns }: Answer, found: Map<string, string[]> | undefined): { patterns: { pattern: string; tables?: string[] }[] } {
  return { patterns: patterns.map(({ text }) => ({ pattern: text, tables: found?.get(text) })) };
}

function describe({ patterns, said }: Answer, found: Map<string, string[]> | undefined, named: readonly Pattern[]): string[] {
  const shown = named.length === 0 ? patterns : patterns.filter((pattern) => named.some((other) => isSame(pattern, other)));
  const lines = shown.map(({ text }) => [text, found?.get(text)] as const);
  if (named.length === 0) return lines.map(([text, tables]) => oneLine(tables === undefined ? text : `${text}: ${tables.join(', ') || 'no table'}`));
  const absent = lines.filter(([, tables]) => tables?.length === 0).map(([text]) => `${text}: there is no such table; it is followed from when there is one`);
  return [...said, ...absent].map(oneLine);
}
