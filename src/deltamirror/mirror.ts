/** The heart of deltamirror: read → apply, one loop. */
import { comparePositions, formatPosition, ORIGIN, type Position } from '../daystream/position.js';
import { POLL_MS } from '../daystream/read.js';
import type { Take, UnitReader } from '../daystream/reader.js';
import type { Transport } from '../daystream/transport.js';
import type { Unit } from '../daystream/unit.js';
import { DeltaError } from '../errors.js';
import { importCommand } from '../sqlite/cure.js';
import { isTaken } from '../sqlite/objects.js';
import { Checkpoints } from '../sqlite/checkpoints.js';
import { cacheError, type Cache } from '../sqlite/open.js';
import { readPosition } from '../sqlite/position.js';
import { deleteTable, DROPPED, readTables, type CacheTable } from '../sqlite/tables.js';
import { Applier } from './applier.js';
import { Distance, NOT_BEHIND } from './behind.js';
import { TableFaults, type TableFault } from './fault.js';
import type { Quarantined } from './quarantines.js';
import { openAt } from './place.js';
import type { Report } from './report.js';

/** Several transactions share a SQLite commit while there is more to read, for so long or up to as much log as suits the disk. */
const BATCH_MS = 2000;
/** While a table's copy comes in there is always more to read, and other tables are not to wait for it. */
const COPY_BATCH_MS = 200;

export interface MirrorOptions {
  readonly from: Position | undefined;
  /** Ends at the end of the log instead of waiting for more. */
  readonly once: boolean;
  /** A table that can't be followed ends the mirror instead of going into quarantine. */
  readonly strict: boolean;
  /** A table that was dropped in Postgres stays as it was. */
  readonly keepDropped: boolean;
  readonly signal: AbortSignal;
}

/** Mirrors until the end of the log (`once`) or until the signal. Throws DeltaError; the cache then holds the last commit. */
export async function mirror(path: string, cache: Cache, transport: Transport, options: MirrorOptions, report: Report): Promise<Applier> {
  const at = readPosition(cache);
  if (at === undefined) throw new DeltaError('cache', `${path}: holds no position: its import did not finish`, { hint: `make it anew: deltaimport --tables … --source ${transport.place} ${path}` });
  const tables = withoutLeftOvers(cache, readTables(cache));
  if (options.strict) requireFollowing(path, tables);
  const start = await openAt(transport, at, options.from);
  if (start.rewritten) report.note(`the log was written anew behind ${formatPosition(at.position)} after a power loss; what the cache has is skipped by LSN`);
  const cure = (schema: string, table: string) => importCommand(path, schema, table);
  const applier = new Applier(cache, transport, at, tables, { cure, epoch: start.epoch, absent: start.original ? 'null-or-unchanged' : 'unchanged', keepDropped: options.keepDropped, signal: options.signal });
  const checkpoints = new Checkpoints(cache, { looked: (wal) => report.looked(wal) });
  const distance = new Distance(transport);
  report.started(applier, transport.place, tables, checkpoints);
  let { reader } = start;
  try {
    while (!options.signal.aborted) {
      try {
        if (await drain(reader, applier, checkpoints, distance, options, report)) break;
        await reader.wait(POLL_MS, options.signal);
      } catch (error) {
        if (!(error instanceof ExcludedTables)) throw error;
        // What was undone is read again, and applied without the table from that transaction on.
        const begun = comparePositions(applier.at.position, ORIGIN) > 0;
        reader = (await openAt(transport, applier.at, begun ? undefined : options.from)).reader;
      }
    }
    applier.commit();
  } catch (error) {
    applier.rollback();
    if (error !== options.signal.reason) throw cacheError(path, error);
  } finally {
    await checkpoints.close();
  }
  return applier;
}

/** Applies all there is; true where the mirror is to end here. */
async function drain(reader: UnitReader, applier: Applier, checkpoints: Checkpoints, distance: Distance, { once, strict, signal }: MirrorOptions, report: Report): Promise<boolean> {
  let bytes = 0;
  let since = performance.now();
  let limitMs = BATCH_MS;
  const take: Take = (block, from, place) => applier.take(block, from, place);
  for (;;) {
    const before = reader.place;
    let units = await reader.next(take).catch((error: unknown) => {
      applier.commit(); // what came before a damaged place is whole
      throw error;
    });
    const end = units.length === 0 && reader.place === before;
    if (end && once) units = reader.finish();
    bytes += reader.place.offset - (reader.place.segment === before.segment ? before.offset : 0);
    for (const unit of units) {
      await applyOne(unit, applier, strict, report);
      if (unit.kind === 'copy') limitMs = COPY_BATCH_MS;
    }
    const caughtUp = end || reader.caughtUp;
    // Caught up: readers see it at once. Behind: several transactions share a commit.
    if (caughtUp || bytes >= checkpoints.batchBytes || performance.now() - since >= limitMs) {
      applier.commit(caughtUp ? NOT_BEHIND : await distance.behind(reader.place, bytes, performance.now() - since));
      report.committed(applier, caughtUp);
      await checkpoints.committed(caughtUp, bytes);
      bytes = 0;
      since = performance.now();
      limitMs = BATCH_MS;
    }
    if (end || signal.aborted) return end && once;
  }
}

/** Thrown after tables went into quarantine and the open SQLite transaction was undone. */
class ExcludedTables extends Error {}

async function applyOne(unit: Unit, applier: Applier, strict: boolean, report: Report): Promise<void> {
  try {
    for (const fault of applier.lostBy(unit)) exclude(fault, unit, applier, strict, report);
    if (strict) stopAt(unit, applier);
    await applier.apply(unit);
  } catch (error) {
    if (!(error instanceof TableFaults)) throw error;
    applier.rollback();
    for (const fault of error.faults) exclude(fault, unit, applier, strict, report);
    throw new ExcludedTables();
  }
}

function exclude(fault: TableFault, unit: Unit, applier: Applier, strict: boolean, report: Report): void {
  const quarantine = applier.exclude(fault, unit.first);
  if (!strict) report.quarantined(applier, fault, quarantine);
}

/** Stops before the unit that a table cannot take; all that comes before it is in the cache. */
function stopAt(unit: Unit, applier: Applier): void {
  const out = applier.beginningAt(unit);
  if (out === undefined) return;
  applier.commit();
  throw strictError(out);
}

/** Tables that were kept when they were dropped in Postgres, and that somebody has removed since, are forgotten. */
function withoutLeftOvers(cache: Cache, tables: readonly CacheTable[]): CacheTable[] {
  return tables.filter((table) => {
    const isGone = table.quarantine?.reason === DROPPED && !isTaken(cache, table.table);
    if (isGone) deleteTable(cache, table);
    return !isGone;
  });
}

function requireFollowing(path: string, tables: readonly CacheTable[]): void {
  for (const { schema, name, quarantine } of tables) if (quarantine !== undefined && quarantine.reason !== DROPPED) throw strictError({ schema, name, quarantine }, path);
}

function strictError({ schema, name, quarantine: { reason, cure, position } }: Quarantined, path?: string): DeltaError {
  const place = path === undefined ? '' : `${path}: `;
  return new DeltaError('quarantine', `${place}${schema}.${name}: cannot be followed from ${formatPosition(position)} on: ${reason}`, { hint: `${cure}; or go on without it: leave out --strict` });
}
