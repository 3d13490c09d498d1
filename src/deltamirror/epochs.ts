/**
 * Where the server's history broke (docs/format.md §3). Oids, attribute numbers and xids
 * of what comes are of another server's making, so each table is known again by its name,
 * and each column by its own; what cannot be known again is never taken for equal (P5).
 */
import { decodeLine, type Line } from '../daystream/codec.js';
import { linesOf } from '../daystream/lines.js';
import { decodeRelation, PUBLIC, type Relation } from '../daystream/relation.js';
import { text, type SegmentHeader } from '../daystream/segment.js';
import type { Transport } from '../daystream/transport.js';
import type { Epoch } from '../daystream/unit.js';
import { DeltaError } from '../errors.js';
import { dropCopy } from '../sqlite/copies.js';
import { dropHashes } from '../sqlite/drop.js';
import { tableKey } from '../sqlite/names.js';
import type { Cache } from '../sqlite/open.js';
import type { CachePosition } from '../sqlite/position.js';
import { heldColumns, type CacheTable } from '../sqlite/tables.js';
import type { Migrations } from './migrations.js';
import type { Registry } from './registry.js';
import type { Scope } from './scope.js';
import { placeOf } from './shape.js';

export interface EpochOptions {
  /** What to type to have a table again that is in quarantine. */
  readonly cure: (schema: string, table: string) => string;
  readonly note: (text: string) => void;
}

/** Oids of Postgres are below: a table that the new server does not have keeps one that none has. */
const FORMER = 2 ** 32;
/** Attribute numbers of Postgres are below: so does a column. */
const FORMER_COLUMN = 10_000;

const HEAD_BYTES = 4096;
const ROW = /^_c\t\d+\t_s\t\d+\t(?:_schema\t[^\t]*\t)?_table\t[^\t]*\t_action\t(?:insert|update|replace|delete)\t/;
const LF = 10;

/** The lines that say what the tables are: all that stand before the first row. */
export async function readHeads(transport: Transport, unit: Epoch): Promise<Line[]> {
  const heads: Line[] = [];
  for await (const block of linesOf(transport, unit)) {
    for (let start = 0; start < block.length;) {
      if (ROW.test(block.toString('utf8', start, Math.min(block.length, start + HEAD_BYTES)))) return heads;
      const end = block.indexOf(LF, start);
      heads.push(decodeLine(block.toString('utf8', start, end)));
      start = end + 1;
    }
  }
  return heads;
}

/** Throws DeltaError log-foreign where a segment is not of the log that the cache follows. */
export function requireSameLog({ epoch, system, slot }: SegmentHeader, at: CachePosition, place: string): void {
  if (epoch !== at.epoch || (system === at.system && slot === at.slot)) return;
  throw new DeltaError('log-foreign', `${place}: is of slot ${slot} of system ${system}; the cache follows slot ${at.slot} of system ${at.system}`, { hint: 'give the right folder with --source' });
}

/** Where a cache stands behind an epoch: no LSN and no xid of before means anything. */
export function behindEpoch(at: CachePosition, header: Partial<SegmentHeader>, unit: Epoch): CachePosition {
  const { system = at.system, timeline = at.timeline, slot = at.slot } = header;
  return { ...at, system, timeline, slot, epoch: unit.epoch, position: unit.last, crc: unit.crc, lsn: unit.lsn, snapshot: null, snapshotLsn: undefined, commitTimeUs: Number(unit.timestampUs), sourceTimeUs: Number(unit.timestampUs) };
}

export class Epochs {
  readonly #cache: Cache;
  readonly #registry: Registry;
  readonly #migrations: Migrations;
  readonly #options: EpochOptions;

  constructor(cache: Cache, registry: Registry, migrations: Migrations, options: EpochOptions) {
    this.#cache = cache;
    this.#registry = registry;
    this.#migrations = migrations;
    this.#options = options;
  }

  /** Every table becomes what the new history calls so. */
  enter(unit: Epoch, heads: readonly Line[], at: CachePosition): void {
    const relations = new Map(heads.filter(isShape).map((line) => [nameOf(line), decodeRelation(line)]));
    const dropped = new Set(heads.filter((line) => actionOf(line) === 'drop').map(nameOf));
    // Of a cache whose copy, or whose log before a power loss, was ahead of this log nobody knows what the new history lacks of it.
    const isAhead = at.lsn > unit.before || (at.snapshotLsn !== undefined && at.snapshotLsn > unit.before);
    const tables = this.#registry.all().flatMap(({ table }) => {
      if (table.waiting !== undefined) dropCopy(this.#cache, table.oid);
      // Known by its oid alone, and without rows: it comes again by its name.
      if (table.schema === '') return [];
      const relation = relations.get(tableKey(table.schema, table.name));
      const now = relation && renumbered(table, relation);
      if (now?.oid !== table.oid || orderOf(now) !== orderOf(table)) dropHashes(this.#cache, table);
      if (now !== undefined) return [this.#known(now, unit, isAhead || (table.joining !== undefined && table.joining.lsn > unit.before))];
      const former = { ...table, oid: FORMER + table.oid, joining: undefined };
      return [dropped.has(tableKey(table.schema, table.name)) ? former : this.#out(former, unit, 'the log no longer has it: where its history broke, no table of this name was followed')];
    });
    this.#registry.become(tables);
    this.#options.note(`history broke before ${unit.segment}: ${unit.rows} differing rows are taken over`);
  }

  /** The tables become what the lines say they are. `leaveOut` takes what went wrong with one. */
  shape(unit: Epoch, heads: readonly Line[], scope: Scope, leaveOut: (error: unknown) => void): void {
    for (const line of heads) {
      try {
        this.#apply(line, scope);
      } catch (error) {
        leaveOut(error);
      }
    }
    // One of which no copy comes would wait for ever.
    for (const { table } of this.#registry.all()) {
      if (table.waiting !== undefined && !unit.reload.includes(table.oid) && !unit.offer.includes(table.oid)) {
        this.#registry.put(this.#out(table, unit, `${table.waiting.reason}, and none comes since history broke`));
      }
    }
  }

  #apply(line: Line, scope: Scope): void {
    const oid = Number(text(line, '_oid'));
    switch (actionOf(line)) {
      case 'schema': return this.#migrations.shape(decodeRelation(line), false, scope);
      case 'indexes': return this.#migrations.indexes(oid, line, scope);
      case 'comments': return this.#migrations.comments(oid, line, scope);
      case 'drop': return this.#migrations.drop(FORMER + oid, scope);
    }
  }

  /** A table that the new history has. */
  #known(table: CacheTable, unit: Epoch, isAhead: boolean): CacheTable {
    const { joining: _, ...known } = table;
    if (known.quarantine !== undefined) return known;
    if (unit.reload.includes(table.oid)) {
      this.#options.note(`${placeOf(table)} waits for a copy: history broke`);
      return { ...known, waiting: { reason: 'history broke, and it is copied anew', position: unit.first } };
    }
    if (known.waiting !== undefined) return { ...known, waiting: { reason: known.waiting.reason, position: unit.first } };
    return isAhead ? this.#out(known, unit, 'it was ahead of the log where history broke, so what it lost cannot be told') : known;
  }

  /** In quarantine; as it was where it is out already. */
  #out(table: CacheTable, unit: Epoch, reason: string): CacheTable {
    if (table.quarantine !== undefined) return table;
    const cure = this.#options.cure(table.schema, table.name);
    this.#options.note(`${placeOf(table)} goes into quarantine: ${reason} — ${cure}`);
    return { ...table, waiting: undefined, quarantine: { reason, cure, position: unit.first } };
  }
}

/** The table as it is, under the new history's numbers. */
function renumbered(table: CacheTable, { oid, columns }: Relation): CacheTable {
  const now = new Map(columns.map(({ name, attnum }) => [name, attnum]));
  const numbers = new Map(table.columns.map(({ name, attnum }) => [attnum, now.get(name) ?? FORMER_COLUMN + attnum]));
  const to = (attnum: number) => numbers.get(attnum) ?? FORMER_COLUMN + attnum;
  return {
    ...table,
    oid,
    key: table.key.map(to),
    columns: table.columns.map((column) => ({ ...column, attnum: to(column.attnum) })).sort((a, b) => a.attnum - b.attnum),
    indexes: (table.indexes ?? []).map((index) => ({ ...index, columns: index.columns.map((column) => ({ ...column, attnum: to(column.attnum) })) })),
    comments: Object.fromEntries(Object.entries(table.comments ?? {}).map(([attnum, comment]) => [attnum === '0' ? 0 : to(Number(attnum)), comment])),
  };
}

/** In which order a row's values are hashed. */
function orderOf(table: CacheTable): string {
  return heldColumns(table).map(({ as }) => as).join('\0');
}

function isShape(line: Line): boolean {
  return actionOf(line) === 'schema';
}

function actionOf(line: Line): string {
  return text(line, '_action');
}

function nameOf(line: Line): string {
  return tableKey(line.own.get('_schema') ?? PUBLIC, text(line, '_table'));
}
