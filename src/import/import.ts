/**
 * The copy: tables of Postgres at one snapshot, into a new cache, which stands at the
 * place in the log from which a mirror goes on; or into a cache that is there, whose
 * other tables stay.
 */
import { DeltaError, shellWord } from '../errors.js';
import type { Pattern } from '../daystream/pattern.js';
import type { Position } from '../daystream/position.js';
import type { Transport } from '../daystream/transport.js';
import { openTransport } from '../daystream/transports/open.js';
import type { SourceTable } from '../postgres/catalog.js';
import type { Choice, PassedOver } from '../postgres/choice.js';
import { createBulk, finishBulk } from '../sqlite/bulk.js';
import { joinTables } from '../sqlite/join.js';
import type { Lost } from '../sqlite/lost.js';
import { loadEngine, type Engine } from '../sqlite/native.js';
import { openCache, type Cache } from '../sqlite/open.js';
import { writePatterns, type ChosenPattern } from '../sqlite/patterns.js';
import { readPosition, writePosition, type CachePosition } from '../sqlite/position.js';
import { setProtection, wasProtected } from '../sqlite/protect.js';
import { requireHoldable } from '../sqlite/schema.js';
import { readTables, writeTable } from '../sqlite/tables.js';
import type { Asked } from './asked.js';
import { copyTables, type Copied } from '../load/load.js';
import { NOTHING, planTables, stayingObjects, stayingTables, type Present, type TablePlan } from './plan.js';
import type { Progress } from '../load/progress.js';
import { requireWithRenamed } from './replaced.js';
import { chooseAndCheck, joinedSnapshot, type Joined, type SourceOptions } from './source.js';
import { checkTarget, openTarget, type Target } from './target.js';

export interface ImportOptions extends Pick<SourceOptions, 'postgres' | 'jobs'> {
  readonly patterns: readonly Pattern[];
  /** The log's folder, or its URL; undefined, with `into`: the one that the cache follows. */
  readonly source: string | undefined;
  /** What the log's server is shown, where it is read by HTTP. */
  readonly tokenFile?: string;
  /** It is shown also by http:// to another machine. */
  readonly insecure?: boolean;
  readonly cache: string;
  /** True: the cache is there, and only these tables of it are made anew or added. */
  readonly into: boolean;
  readonly asked: Asked;
  /** What takes the rows in. */
  readonly engine: Engine;
}

export interface ImportResult {
  readonly cache: string;
  readonly tables: readonly Copied[];
  readonly passedOver: readonly PassedOver[];
  readonly warnings: readonly string[];
  /** Where a mirror goes on. */
  readonly position: Position;
  readonly snapshot: string;
  readonly seconds: number;
}

interface Finished {
  /** Where a mirror goes on. */
  readonly position: Position;
  /** What an application had made and the new tables do not take. */
  readonly lost: readonly Lost[];
}

/** How the copy becomes part of the cache. */
interface Destination {
  readonly source: string;
  readonly present: Present;
  readonly earliest: SourceOptions['earliest'];
  readonly checkLog: SourceOptions['checkLog'];
  readonly checkChosen: SourceOptions['checkChosen'];
  /** Adds to the draft what is said of the whole cache. */
  readonly describe: (draft: Cache) => void;
  finish(target: Target, plans: readonly TablePlan[], joined: Joined, signal: AbortSignal): Promise<Finished>;
}

/** Makes or replaces a cache, or tables of it. Throws DeltaError; whatever goes wrong, an existing cache is as it was. */
export async function importTables(options: ImportOptions, progress: Progress, signal: AbortSignal): Promise<ImportResult> {
  const started = performance.now();
  const path = checkTarget(options.cache, options.into);
  // A cache that gets tables must not move on meanwhile: it is held from the beginning.
  let target = options.into ? openTarget(path, true) : undefined;
  let transport: Transport | undefined;
  try {
    const patterns = options.patterns.map((pattern) => ({ pattern, numeric: options.asked.numeric }));
    const destination = options.into ? existingCache(path, options.source, patterns) : newCache(options.source ?? '', patterns);
    transport = openTransport(destination.source, { tell: (why) => progress.say(why), signal, tokenFile: options.tokenFile, insecure: options.insecure });
    const plan = (tables: readonly SourceTable[]) => {
      const plans = planTables(tables, options.asked, destination.present);
      requireHoldable([...stayingTables(plans, destination.present), ...plans.map(({ table }) => table)], stayingObjects(plans, destination.present));
      return plans;
    };
    const source: SourceOptions = { ...options, earliest: destination.earliest, checkLog: destination.checkLog, checkChosen: destination.checkChosen, check: plan };
    const choice = await chooseAndCheck(source, transport, (why) => progress.say(why), signal);
    target ??= openTarget(path, false);
    const copy = await copyAtSnapshot(source, options.engine, plan, choice, destination, transport, target, progress, signal);
    return { cache: path, ...copy, seconds: (performance.now() - started) / 1000 };
  } catch (error) {
    if (signal.aborted) throw stopped(path, error);
    throw error;
  } finally {
    target?.close();
    await transport?.close();
  }
}

type Copy = Pick<ImportResult, 'tables' | 'passedOver' | 'position' | 'snapshot' | 'warnings'>;

async function copyAtSnapshot(options: SourceOptions, engine: Engine, plan: (tables: readonly SourceTable[]) => TablePlan[], choice: Choice, destination: Destination, transport: Transport, target: Target, progress: Progress, signal: AbortSignal): Promise<Copy> {
  const joined = await joinedSnapshot(options, choice, transport, (why) => progress.say(why), signal);
  const { snapshot } = joined;
  const stop = () => { for (const client of snapshot.clients) void client.end(); };
  signal.addEventListener('abort', stop, { once: true });
  const { plans, cache, copied } = await (async () => {
    try {
      const plans = plan(joined.tables);
      const cache = createBulk(target.draft);
      loadEngine(cache, engine);
      return { plans, cache, copied: await copyTables({ cache, path: target.draft, snapshot, plans, progress, signal }) };
    } finally {
      signal.removeEventListener('abort', stop);
      await snapshot.close(); // no longer than the copy: VACUUM waits for it
    }
  })();
  for (const { table } of plans) writeTable(cache, table);
  destination.describe(cache);
  writePosition(cache, positionOf(joined, transport));
  if (wasProtected(target.path)) setProtection(cache, true);
  finishBulk(target.draft, cache);
  const { position, lost } = await destination.finish(target, plans, joined, signal);
  const losses = lost.map(({ kind, name, reason }) => `${kind} ${name} could not be kept: ${reason}`);
  return { tables: copied, passedOver: joined.passedOver, position, snapshot: snapshot.text, warnings: [...plans.flatMap(({ warnings }) => warnings), ...losses] };
}

function newCache(source: string, patterns: readonly ChosenPattern[]): Destination {
  return {
    source,
    present: NOTHING,
    earliest: undefined,
    checkLog: () => {},
    checkChosen: async () => {},
    describe: (draft) => writePatterns(draft, patterns),
    finish: async (target, _plans, { join }, signal) => {
      await target.publish(signal);
      return { position: join.horizon.position, lost: [] };
    },
  };
}

/** The cache holds still at its position P. A copy that joins at P or behind it has all that the cache has, so the mirror need not go back for it. */
function existingCache(path: string, source: string | undefined, patterns: readonly ChosenPattern[]): Destination {
  const cache = openCache(path);
  try {
    const at = readPosition(cache);
    if (at === undefined) throw new DeltaError('cache', `${path}: holds no position: its import did not finish`, { hint: `make it anew: deltaimport --tables … --source … ${path}` });
    if (at.slot === '') throw new DeltaError('cache', `${path}: follows a log in the original format, which no copy of Postgres can join`, { hint: 'make a cache of its own: deltaimport --tables … --source … another.db' });
    const objects = cache.prepare<[], { name: string; ofTable: string }>('SELECT name, tbl_name AS ofTable FROM sqlite_schema').all();
    const tables = readTables(cache);
    return {
      source: source ?? at.source,
      present: { tables, objects },
      earliest: at,
      checkLog: ({ slot, system, epoch }) => {
        if (epoch > at.epoch) throw new DeltaError('log-foreign', `${path}: stands before the place where the log's history broke; first it has to come there`, { hint: `deltamirror --once ${shellWord(path)}` });
        if (slot !== at.slot || system !== at.system) throw new DeltaError('log-foreign', `${path}: follows slot ${at.slot} of system ${at.system}; this log is of slot ${slot} of system ${system}`, { hint: 'leave out --source' });
      },
      checkChosen: (client, chosen, following) => requireWithRenamed(client, chosen, { path, tables, patterns: patterns.map(({ pattern }) => pattern) }, following),
      describe: () => {},
      finish: async (target, plans, { snapshot, join }) => {
        const joining = { snapshot: snapshot.text, lsn: snapshot.lsn, position: join.horizon.position };
        return { position: at.position, lost: joinTables(path, target.draft, plans.map(({ table }) => ({ ...table, joining })), patterns) };
      },
    };
  } finally {
    cache.close();
  }
}

function positionOf({ join: { horizon, header }, snapshot }: Joined, transport: Transport): CachePosition {
  return {
    position: horizon.position,
    crc: horizon.crc,
    lsn: snapshot.replayed?.to ?? horizon.lsn, // on a standby all before it is in the copy, and the mirror passes over it
    commitTimeUs: Number(horizon.timestampUs),
    sourceTimeUs: Number(horizon.timestampUs),
    appliedAtUs: Date.now() * 1000,
    behindBytes: 0,
    bytesPerSecond: 0,
    system: header.system,
    timeline: header.timeline,
    slot: header.slot,
    epoch: header.epoch,
    source: transport.place,
    snapshot: snapshot.replayed === undefined ? snapshot.text : null,
    snapshotLsn: snapshot.lsn,
    importedAtUs: snapshot.takenAtUs,
  };
}

function stopped(path: string, cause: unknown): DeltaError {
  return new DeltaError('io', `${path}: the import was stopped; nothing was changed`, { hint: 'start it again when you like', cause });
}
