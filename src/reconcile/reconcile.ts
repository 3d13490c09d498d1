/**
 * Brings a log on where its server's history broke: the followed tables of the new history,
 * at the snapshot that a new slot begins at, are compared with what the log says they hold,
 * and what differs is written as an epoch.
 */
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { EpochWriter } from '../daystream/epoch-writer.js';
import { Folder, requireFolder } from '../daystream/folder.js';
import { formatPosition } from '../daystream/position.js';
import { findLogEnd, type LogEnd } from '../daystream/recovery.js';
import { isReconciling, markReconciling, unmarkReconciling } from '../daystream/reconciling.js';
import { DeltaError } from '../errors.js';
import { copyTables } from '../load/load.js';
import type { Progress } from '../load/progress.js';
import { lock } from '../lock.js';
import { checkSlotName } from '../postgres/slot.js';
import { createBulk, finishBulk } from '../sqlite/bulk.js';
import { attachOld, differences } from '../sqlite/differences.js';
import { cachePath, lockCache } from '../sqlite/lock.js';
import { chooseEngine, loadEngine } from '../sqlite/native.js';
import { guarded, openCache, type Cache } from '../sqlite/open.js';
import { removeDatabase } from '../sqlite/publish.js';
import { dropLine, headLines, RowLines, staleLine } from './lines.js';
import type { ReconcileOptions } from './options.js';
import { planTables, type Plan } from './plan.js';
import { Source, type Seen } from './source.js';
import { bringToEnd, readStanding, type Standing } from './standing.js';

export interface TableResult {
  readonly schema: string;
  readonly table: string;
  /** `copied`: a copy of it comes through the log. */
  readonly what: 'compared' | 'copied' | 'dropped';
  readonly insert: number;
  readonly update: number;
  readonly delete: number;
  /** Of one that is copied. */
  readonly why?: string;
  /** As Postgres estimates it. */
  readonly bytes?: number;
}

export interface Result {
  readonly log: string;
  /** Absent where nothing was to be written. */
  readonly epoch?: number;
  readonly position?: string;
  readonly tables: readonly TableResult[];
  /** Row lines. */
  readonly rows: number;
  readonly bytes: number;
  readonly seconds: number;
}

/** What takes the lines of an epoch. */
type Sink = Pick<EpochWriter, 'head' | 'row'>;

/** Throws DeltaError; the log is then as it was, though the slot of the old history may be gone. */
export async function reconcile(options: Omit<ReconcileOptions, 'tables' | 'partitions'>, progress: Progress, signal: AbortSignal): Promise<Result> {
  const started = performance.now();
  checkSlotName(options.slot);
  requireFolder(options.out);
  const held = lock(join(options.out, '.lock'), `deltastream reconcile --slot ${options.slot}`);
  try {
    const end = await requireEnd(options.out);
    if (end.header.slot !== options.slot) throw new DeltaError('log-foreign', `${options.out}: holds the log of slot "${end.header.slot}", not of "${options.slot}"`, { hint: `--slot ${end.header.slot}` });
    const done = await run({ ...options, ...end.following }, end, progress, signal);
    return { log: options.out, ...done, seconds: (performance.now() - started) / 1000 };
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new DeltaError('io', `${options.out}: the reconciliation was stopped; the log is as it was`, { hint: 'start it again when you like', cause: error });
  } finally {
    held.release();
  }
}

async function requireEnd(out: string): Promise<LogEnd> {
  const folder = new Folder(out);
  try {
    const end = await findLogEnd(folder);
    if (end !== undefined) return end;
  } finally {
    await folder.close();
  }
  throw new DeltaError('log-missing', `${out}: holds no log that could go on`, { hint: 'begin one: deltastream --create-slot' });
}

type Done = Omit<Result, 'log' | 'seconds'>;

async function run(options: ReconcileOptions, end: LogEnd, progress: Progress, signal: AbortSignal): Promise<Done> {
  const path = options.cache === undefined ? undefined : cachePath(options.cache);
  const source = await Source.open(options, end.header.plugin, (text) => progress.say(text));
  const wasMarked = isReconciling(options.out);
  let cacheHeld: { release(): void } | undefined;
  try {
    if (path !== undefined) await bringToEnd(path, options.out, (text) => progress.say(text), signal);
    cacheHeld = path === undefined ? undefined : lockCache(path, `deltastream reconcile --slot ${options.slot}`);
    const standing = path === undefined ? undefined : readStanding(path, end);
    signal.throwIfAborted();
    const seen = await interruptible(signal, () => source.interrupt(), () => (options.dryRun ? source.look() : source.makeSlot(() => markReconciling(options.out))));
    try {
      const plan = planTables(seen.tables, seen.present, standing, end.due);
      return await write(options, end, source, seen, plan, standing, progress, signal);
    } catch (error) {
      if (seen.made !== undefined) await source.dropSlot();
      throw error;
    } finally {
      seen.client.end().catch(() => {}); // it may be gone already
    }
  } catch (error) {
    // A mark of ours alone: where this server has no slot nothing can go on by mistake, and another server may have the log's own.
    if (!wasMarked && isReconciling(options.out) && await source.hasNoSlot()) unmarkReconciling(options.out);
    throw error;
  } finally {
    cacheHeld?.release();
    source.close();
  }
}

async function write(options: ReconcileOptions, end: LogEnd, source: Source, seen: Seen, plan: Plan, standing: Standing | undefined, progress: Progress, signal: AbortSignal): Promise<Done> {
  const scratch = standing === undefined ? undefined : scratchOf(standing.path);
  let writer: EpochWriter | undefined;
  try {
    const know = seen.made === undefined ? undefined : await options.knowSince(seen.client, options.out, options, source.plugin);
    const rows = scratch === undefined ? undefined : await readRows(scratch, standing!.path, seen, plan, progress, signal);
    try {
      if (seen.made !== undefined) writer = new EpochWriter(options.out, end, { ...seen.made, snapshot: seen.made.text, identity: source.logIdentity, following: options });
      const tables = await writeLines(writer ?? NOWHERE, plan, rows, signal);
      const count = tables.reduce((sum, table) => sum + table.insert + table.update + table.delete, 0);
      if (writer === undefined) return { tables, rows: count, bytes: 0 };
      const position = writer.finish({ reload: plan.copied.map((table) => table.source.oid), offer: plan.offered });
      await know?.();
      unmarkReconciling(options.out);
      return { epoch: writer.epoch, position: formatPosition(position), tables, rows: count, bytes: writer.bytes };
    } finally {
      rows?.close();
    }
  } catch (error) {
    writer?.abandon();
    throw error;
  } finally {
    if (scratch !== undefined) removeDatabase(scratch);
  }
}

/** A file beside the cache. We hold the cache, so whoever left such a one is dead. */
function scratchOf(path: string): string {
  const prefix = `.${basename(path)}.reconcile-`;
  for (const name of readdirSync(dirname(path))) if (name.startsWith(prefix)) removeDatabase(join(dirname(path), name));
  return join(dirname(path), prefix + process.pid);
}

/** Work that ends at once, by an error, when the user stops it. */
async function interruptible<T>(signal: AbortSignal, interrupt: () => void, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    return await work();
  } finally {
    signal.removeEventListener('abort', interrupt);
  }
}

/** The rows of the tables that are compared, at the slot's snapshot, in a file of their own beside what the log says. */
async function readRows(scratch: string, old: string, { client }: Seen, { compared }: Plan, progress: Progress, signal: AbortSignal): Promise<Cache> {
  const bulk = createBulk(scratch);
  try {
    loadEngine(bulk, chooseEngine(undefined, (text) => progress.say(text)));
    await interruptible(signal, () => void client.end().catch(() => {}), () => copyTables({ cache: bulk, path: scratch, snapshot: { clients: [client] }, plans: compared.map(({ source, table }) => ({ source, table, filter: undefined, leftOut: [] })), progress, signal }));
    finishBulk(scratch, bulk);
  } catch (error) {
    bulk.close();
    throw error;
  }
  const rows = openCache(scratch);
  guarded(old, () => attachOld(rows, old));
  return rows;
}

const NOWHERE: Sink = { head: () => {}, row: () => {} };

/** All heads before all rows: a reader has to know every table by its new number before it takes the first row. */
async function writeLines(sink: Sink, { compared, copied, dropped }: Plan, rows: Cache | undefined, signal: AbortSignal): Promise<TableResult[]> {
  for (const table of dropped) sink.head(dropLine({ schema: table.schema, table: table.name }, table.oid));
  for (const { source } of compared) headLines(source).forEach((line) => sink.head(line));
  for (const { source, why } of copied) {
    sink.head(headLines(source)[0]);
    sink.head(staleLine(source, source.oid, `where history broke it could not be compared: ${why}`));
  }
  const results: TableResult[] = [];
  for (const { source, table, old } of compared) {
    const count = { insert: 0, update: 0, delete: 0 };
    const lines = new RowLines(source, table);
    let written = 0;
    for (const difference of differences(rows!, table, old)) {
      sink.row(lines.of(difference));
      count[difference.kind]++;
      if (++written % ROWS_AT_ONCE === 0) await new Promise(setImmediate); // let a signal in between
      signal.throwIfAborted();
    }
    results.push({ schema: source.schema, table: source.table, what: 'compared', ...count });
  }
  return [
    ...results,
    ...copied.map(({ source, why }): TableResult => ({ schema: source.schema, table: source.table, what: 'copied', ...NONE, why, bytes: source.estimatedBytes })),
    ...dropped.map(({ schema, name }): TableResult => ({ schema, table: name, what: 'dropped', ...NONE })),
  ];
}

const ROWS_AT_ONCE = 1000;
const NONE = { insert: 0, update: 0, delete: 0 };
