/**
 * `deltastream try`: the whole path on somebody's database, by the commands that they would type.
 * Of Postgres it reads; what it makes there is a temporary slot and, for pgoutput, a publication of
 * its own, and both are gone at the end, however it ends.
 */
import { join } from 'node:path';
import type pg from 'pg';
import { plural, sizeText } from '../cli.js';
import { DeltaError, reasonOf } from '../errors.js';
import { connect, placeOf } from '../postgres/connection.js';
import type { PluginChoice } from '../postgres/slot.js';
import { withoutPassword } from '../postgres/target.js';
import { patternsOf } from './choose.js';
import { follow, type Followed } from './follow.js';
import { look } from './look.js';
import { clear, makeFolder, removeFolder, sweepFolders, sweepPublications, takeName } from './places.js';
import { Program, type Where } from './program.js';
import { prove, type Proof } from './prove.js';
import type { TryReport } from './report.js';
import { clockOffsetMs } from './server.js';
import { copy, type Setting } from './setting.js';
import type { Signals } from './signals.js';

/** Short: a table that loses its key meanwhile has to leave the publication, where its updates would fail. */
const SCHEMA_INTERVAL = '1s';
const NAME = { applicationName: 'deltastream try' };

export interface TryOptions {
  readonly url: string | undefined;
  readonly patterns: string;
  readonly seconds: number;
  readonly limitBytes: number;
  readonly plugin: PluginChoice;
}

/** Throws DeltaError where it does not come to a report; then too nothing is left behind, or what is is told. */
export async function tryOut(options: TryOptions, signals: Signals, tell: (text: string) => void): Promise<TryReport> {
  const { url, password } = withoutPassword(options.url);
  if (password !== undefined) process.title = 'deltastream try'; // what `ps` shows
  const env = { ...process.env, ...(password === undefined ? {} : { PGPASSWORD: password }) };
  for (const path of sweepFolders()) tell(`removed ${path}, left by a try that was killed`);
  const client = await connect(options.url, NAME);
  try {
    await sweepPublications(client, tell);
    const name = await takeName(client);
    const where = { env, tell, target: url === undefined ? [] : ['--pg', url], name };
    const looked = await look(client, { ...options, ...where }, where);
    requireGoingOn(signals);
    const bytes = looked.tables.reduce((sum, table) => sum + table.bytes, 0);
    tell(`trying ${plural(looked.tables.length, 'table')}, ${sizeText(bytes)}, with plugin ${looked.plugin}`);
    const { rows: [{ version }] } = await client.query<{ version: string }>("select split_part(current_setting('server_version'), ' ', 1) as version");
    const { left, ...shown } = await withPlaces(options, where, (start, folder) => run({ ...where, client, signals, start, folder, tables: patternsOf(looked.tables), plugin: looked.plugin, seconds: options.seconds }), tell);
    return { ...shown, place: placeOf(client), version, plugin: looked.plugin, leftOut: looked.leftOut, left };
  } finally {
    client.end().catch(() => {}); // it may be gone already
  }
}

type Shown = Omit<TryReport, 'place' | 'version' | 'plugin' | 'leftOut' | 'left'>;

/** Makes the folder, and removes all in the end: the commands, what is left in Postgres, the folder. */
async function withPlaces({ url }: TryOptions, { name }: { readonly name: string }, work: (start: Setting['start'], folder: string) => Promise<Shown>, tell: (text: string) => void): Promise<Shown & Pick<TryReport, 'left'>> {
  const folder = makeFolder();
  const programs: Program[] = [];
  const left: string[] = [];
  let isOver = false;
  let shown: Shown | undefined;
  try {
    shown = await work((...of) => {
      if (isOver) throw stoppedError();
      programs.push(new Program(...of));
      return programs.at(-1)!;
    }, folder.path);
    return { ...shown, left };
  } finally {
    isOver = true;
    for (const program of programs.reverse()) await program.stop();
    // A connection of its own: the other one may be what failed.
    left.push(...await clearWith(url, name).catch((error: unknown) => [`slot and publication "${name}": ${reasonOf(error)} — deltastream drop --slot ${name}`]));
    try {
      removeFolder(folder);
    } catch (error) {
      left.push(`${folder.path}: ${reasonOf(error)} — rm -r ${folder.path}`);
    }
    if (shown === undefined) tell(left.length === 0 ? 'slot, publication and files are removed; nothing is left behind' : `left behind: ${left.join('; ')}`);
  }
}

async function clearWith(url: string | undefined, name: string): Promise<string[]> {
  const client = await connect(url, NAME);
  try {
    return await clear(client, name);
  } finally {
    await client.end();
  }
}

interface Running extends Where {
  readonly target: readonly string[];
  readonly name: string;
  readonly client: pg.Client;
  readonly signals: Signals;
  readonly start: Setting['start'];
  readonly folder: string;
  readonly tables: string;
  readonly plugin: string;
  readonly seconds: number;
}

async function run({ name, folder, plugin, seconds, ...rest }: Running): Promise<Shown> {
  const { start, tell, env, target, tables, client, signals } = rest;
  const log = join(folder, 'daystream');
  const stream = start('deltastream', ['--slot', name, '--temporary-slot', '--plugin', plugin, '--tables', tables, '--schema-interval', SCHEMA_INTERVAL, '--out', log, ...target], { env, tell: (line) => { if (/waits for|left behind/.test(line)) tell(line); } });
  const setting: Setting = { ...rest, log, stream, cache: join(folder, 'cache.db'), second: join(folder, 'second.db') };
  const copied = await unlessEnded(setting, copy(setting, setting.cache, tables));
  signals.following();
  tell(`copied ${plural(copied.rows, 'row')} in ${copied.seconds.toFixed(1)} s; following for ${seconds} s, Ctrl-C ends it before`);
  const { mirror, ...followed }: Followed = await unlessEnded(setting, follow(setting, seconds, await clockOffsetMs(client)));
  const proof: Proof = await unlessEnded(setting, prove(setting, mirror)).catch((error: unknown) => ({ tables: [], notCompared: reasonOf(error), comparedAt: undefined }));
  return { copiedRows: copied.rows, copySeconds: copied.seconds, ...followed, ...proof, ...verdict(proof) };
}

/** Nothing is equal that was not compared. */
function verdict({ tables, notCompared }: Proof): Pick<TryReport, 'equal' | 'complete'> {
  const compared = tables.filter(({ not }) => not === undefined);
  return { equal: compared.length > 0 && compared.every(({ differences }) => differences === 0), complete: notCompared === undefined && compared.length === tables.length };
}

/** Throws when deltastream ends, or everything has to, before the work is done. */
async function unlessEnded<T>({ stream, signals }: Pick<Setting, 'stream' | 'signals'>, work: Promise<T>): Promise<T> {
  work.catch(() => {}); // another one may be told first
  const stopped = new AbortController();
  const quit = new Promise<never>((_, reject) => {
    const refuse = () => reject(stoppedError());
    if (signals.quit.aborted) refuse();
    signals.quit.addEventListener('abort', refuse, { once: true, signal: stopped.signal });
  });
  try {
    return await Promise.race([work, stream.failed(), quit]);
  } finally {
    stopped.abort();
  }
}

function requireGoingOn({ quit }: Signals): void {
  if (quit.aborted) throw stoppedError();
}

function stoppedError(): DeltaError {
  return new DeltaError('io', 'try: stopped', { hint: 'start it again when you like' });
}
