/** What a host that has a cache wants of a snapshot: its own choice of tables, columns and rows, as if it had followed the log up to there. */
import { isExact, parsePatterns, written } from '../daystream/pattern.js';
import { formatLsn } from '../daystream/lsn.js';
import { comparePositions, formatPosition } from '../daystream/position.js';
import type { Relation } from '../daystream/relation.js';
import { DeltaError, shellWord } from '../errors.js';
import { PassedOver, type Snapshot } from '../published/find.js';
import { takingOf } from '../published/narrow.js';
import { quarantinedHere } from '../sqlite/cure.js';
import { droppedName, tableKey, unheldName } from '../sqlite/names.js';
import { chosenBy, keepingPattern, type ChosenPattern } from '../sqlite/patterns.js';
import type { CachePosition } from '../sqlite/position.js';
import { requireHoldable } from '../sqlite/schema.js';
import type { Held, Taken, Taking } from '../sqlite/take.js';
import { DROPPED, heldColumns, type CacheTable } from '../sqlite/tables.js';
import { TableFault } from './fault.js';
import { newTable, reshaped } from './shape.js';

export interface Host extends Held {
  readonly path: string;
  readonly at: CachePosition;
}

export interface HostPlan extends Taken {
  /** What the host asks for from now on besides. */
  readonly added: readonly ChosenPattern[];
  /** Tables of the host that were dropped: what it has chosen of them holds for the next ones of their names. */
  readonly ended: readonly CacheTable[];
  /** Kept rows of dropped tables whose names others have now, and what they are called from here on. */
  readonly left: readonly { readonly schema: string; readonly name: string; readonly as: string }[];
  /** Tables of the host that it has no more; others may have their names. */
  readonly gone: readonly CacheTable[];
}

/** A table is in quarantine in the snapshot and well here: one that was taken before may have it as it was. */
export class QuarantinedThere extends PassedOver {}

/**
 * Throws DeltaError config where the snapshot lacks what the host has chosen, PassedOver where another one may do.
 * `takesQuarantined`: none does, and a table that went into quarantine since comes as it stood then, in quarantine.
 */
export function planForHost(host: Host, { tables, patterns }: Pick<Held, 'tables' | 'patterns'>, snapshot: Snapshot, takesQuarantined: boolean): HostPlan {
  requireOnward(host, snapshot);
  const byOid = new Map(host.tables.map((table) => [table.oid, table]));
  const oids = new Set(tables.map(({ oid }) => oid));
  const ended = host.tables.filter(({ oid, schema, quarantine }) => !oids.has(oid) && schema !== '' && quarantine?.reason !== DROPPED);
  const chosenPatterns = [...ended.flatMap((table) => keepingPattern(table) ?? []), ...host.patterns];
  const added: ChosenPattern[] = [];
  const takings = tables.filter(({ schema }) => schema !== '').flatMap((from): Taking[] => {
    // Never by its name alone: that may be another table's by now, and the host's has another.
    const before = byOid.get(from.oid);
    const chosen = chosenBy(chosenPatterns, from.schema, from.name);
    const isNamed = before !== undefined && isExact(parsePatterns(before.pattern)[0]);
    if (chosen === undefined && !isNamed) return [];
    // One that was asked for by its name and has another one by now is asked for by that.
    const pattern = chosen ?? { pattern: parsePatterns(written(from.schema, from.name))[0], numeric: before!.choice.numeric };
    if (chosen === undefined) added.push(pattern);
    const to = wanted(from, before, pattern, snapshot.place);
    if (before !== undefined && before.quarantine === undefined && !(takesQuarantined && isAsFollowed(from, host.at))) requireWell(from, host, snapshot.place);
    return [chosenFrom(from, quarantinedHere(to, host.path), snapshot.place)];
  });
  requireHoldable(takings.map(({ to }) => to).filter((table) => table.table !== unheldName(table)));
  const [ofOids, ofNames] = [new Set(takings.map(({ to }) => to.oid)), new Set(takings.map(({ to }) => tableKey(to.schema, to.name)))];
  const gone = host.tables.filter(({ oid, schema, quarantine }) => !ofOids.has(oid) && schema !== '' && quarantine?.reason !== DROPPED);
  const left = host.tables.filter(({ schema, name, quarantine }) => quarantine?.reason === DROPPED && ofNames.has(tableKey(schema, name))).map((table) => ({ ...table, as: droppedName(table) }));
  // What the snapshot's host follows and does not have is not in the log any more.
  const lacking = gone.find(({ schema, name }) => !ofNames.has(tableKey(schema, name)) && chosenBy(patterns, schema, name) === undefined);
  if (lacking !== undefined) {
    throw new DeltaError('config', `${snapshot.place}: has no table ${lacking.schema}.${lacking.name}, which ${host.path} has`, { hint: `publish from a host that has it; or copy from Postgres: deltaimport --tables … --source … ${shellWord(host.path)}` });
  }
  return { tables: takings, added, ended, left, gone };
}

/**
 * True for a table that followed up to a place behind the host's: its rows are those that a follower has there, or newer
 * than the host's. False where it has none of its own, or stood still before: to take it would be to go back.
 */
function isAsFollowed(from: CacheTable, at: CachePosition): boolean {
  return from.quarantine !== undefined && comparePositions(from.quarantine.position, at.position) > 0 && from.table !== unheldName(from);
}

function requireWell({ schema, name, quarantine }: CacheTable, { path }: Host, place: string): void {
  if (quarantine === undefined) return;
  throw new QuarantinedThere(`${place}: table ${schema}.${name} is in quarantine there, and not in ${path}: ${quarantine.reason}`, `on the host that published it: ${quarantine.cure}; then publish again from there: deltamirror publish cache.db --to that folder`);
}

/** A cache never goes back, and LSNs, oids and xids of another history mean nothing to it. */
function requireOnward({ path, at }: Host, { place, head }: Snapshot): void {
  if (head.system !== at.system || head.slot !== at.slot || head.epoch !== at.epoch) {
    throw new PassedOver(`${place}: is of slot ${head.slot} of system ${head.system}, epoch ${head.epoch}; ${path} follows slot ${at.slot} of system ${at.system}, epoch ${at.epoch}`);
  }
  if (comparePositions(head.position, at.position) <= 0) throw new PassedOver(`${place}: is no newer than ${path}, which stands at ${formatPosition(at.position)}`);
  // Of a log whose end was lost and written anew: later places, with less in them.
  if (head.lsn < at.lsn) throw new PassedOver(`${place}: reaches to LSN ${formatLsn(head.lsn)}, ${path} to ${formatLsn(at.lsn)}: the log has lost what it had`);
}

/** Refused where the snapshot has less than the host; what it does then is another thing than for a new host. */
function chosenFrom(from: CacheTable, to: CacheTable, place: string): Taking {
  try {
    return takingOf(from, to, place);
  } catch (error) {
    if (!(error instanceof DeltaError)) throw error;
    throw new DeltaError(error.code, error.message, { cause: error, hint: 'publish from a host that has what this one has; or make the cache anew by what there is: deltaimport --bootstrap --source … cache.db' });
  }
}

/** The snapshot's table by the choice of the host. */
function wanted(from: CacheTable, before: CacheTable | undefined, chosen: ChosenPattern, place: string): CacheTable {
  const relation: Relation = { ...from, table: from.name };
  try {
    const table = before === undefined ? newTable(relation, chosen) : reshaped(before, relation);
    const { joining: _, waiting: __, quarantine: ___, ...plain } = table;
    const { joining, waiting, quarantine, comments } = from;
    const attnums = new Set(heldColumns(table).map(({ attnum }) => attnum));
    return {
      ...plain,
      ...(from.table === unheldName(from) && { table: from.table }),
      joining, waiting, quarantine, comments,
      indexes: (from.indexes ?? []).filter((index) => index.columns.every(({ attnum }) => attnums.has(attnum))),
    };
  } catch (error) {
    if (error instanceof TableFault) throw new DeltaError('config', `${place}: table ${from.schema}.${from.name} cannot be had as this host has chosen it: ${error.message}`, { cause: error, hint: 'make the cache anew with another choice: deltaimport --bootstrap --tables … --source … cache.db' });
    throw error;
  }
}
