/**
 * Applies units to the cache. Rows, position and commit LSN move in one SQLite
 * transaction (P4), which holds whole transactions of Postgres only, so a reader of the
 * cache sees Postgres as of some commit and never half of one (P3).
 */
import { constants } from 'node:buffer';
import { decodeLine } from '../daystream/codec.js';
import { linesOf } from '../daystream/lines.js';
import { maxLsn } from '../daystream/lsn.js';
import { unknownAction } from '../daystream/change.js';
import { isFollowed } from '../daystream/pattern.js';
import { comparePositions } from '../daystream/position.js';
import { decodeRelation, PUBLIC, type Relation } from '../daystream/relation.js';
import { unitLsn } from '../daystream/recovery.js';
import { decodeHeader, text } from '../daystream/segment.js';
import { isVisible, parseSnapshot, type Snapshot } from '../daystream/snapshot.js';
import type { Transport } from '../daystream/transport.js';
import type { Single, Transaction, Unit } from '../daystream/unit.js';
import { DeltaError } from '../errors.js';
import type { Cache } from '../sqlite/open.js';
import { placeWriter, type CachePosition } from '../sqlite/position.js';
import { writeTable, type CacheTable, type Quarantine } from '../sqlite/tables.js';
import type { Absent } from '../sqlite/rows.js';
import { TableFault } from './fault.js';
import { differenceOf } from './shape.js';
import { TableWriter } from './table.js';

/** How the lines behind one and the same `_table … _action` are applied. */
type RowAction = (lines: string, start: number, end: number) => void;

export interface ApplierOptions {
  /** What to type to have a table again that is in quarantine. */
  readonly cure: string;
  readonly absent: Absent;
  /** Ends a large transaction midway: it is undone. */
  readonly signal: AbortSignal;
}

const TAB = 9;
/** What fits in a string of JavaScript, were it all ASCII. */
const LINE_LIMIT_BYTES = constants.MAX_STRING_LENGTH;
/** Position, table and action of a line are far shorter. */
const HEAD_BYTES = 4096;
const skipRow: RowAction = () => {};

export class Applier {
  readonly #cache: Cache;
  readonly #transport: Transport;
  readonly #writePlace: ReturnType<typeof placeWriter>;
  readonly #snapshot: Snapshot | undefined;
  readonly #writers: Map<string, TableWriter>;
  readonly #cure: string;
  readonly #signal: AbortSignal;
  /** Tables that are out, by their key; from the quarantine's position on. */
  readonly #quarantined = new Map<string, Quarantine>();
  #at: CachePosition;
  /** The state at the last COMMIT, to go back to. */
  #committed: CachePosition;
  #open = false;
  /** The patterns that the last horizon named and every table was held against. */
  #followed: string | undefined;
  /** `_table … _action x` of the line before, and what is done with its rows. */
  #head = '';
  #action: RowAction = skipRow;
  transactions = 0;
  rows = 0;

  constructor(cache: Cache, transport: Transport, at: CachePosition, tables: readonly CacheTable[], options: ApplierOptions) {
    this.#cache = cache;
    this.#transport = transport;
    this.#at = this.#committed = at;
    this.#cure = options.cure;
    this.#signal = options.signal;
    this.#writePlace = placeWriter(cache);
    this.#snapshot = at.snapshot === null ? undefined : parseSnapshot(at.snapshot);
    this.#writers = new Map(tables.map((table) => [keyOf(table.schema, table.name), new TableWriter(cache, table, options.absent)]));
    for (const table of tables) {
      if (table.quarantine !== undefined) this.#quarantined.set(keyOf(table.schema, table.name), table.quarantine);
    }
  }

  get at(): CachePosition { return this.#at; }
  get quarantined(): number { return this.#quarantined.size; }

  /** Applies one unit inside the open SQLite transaction. Throws TableFault where a table has to go out first: then `exclude` it and begin anew at `at`. */
  async apply(unit: Unit): Promise<void> {
    if (unit.kind === 'open') this.#enter(unit);
    // P4: what the cache has is passed over, and its position never moves back (--from an earlier one).
    if (comparePositions(unit.last, this.#at.position) <= 0 && unitLsn(unit) <= this.#at.lsn) return;
    this.#begin();
    switch (unit.kind) {
      case 'open': break;
      case 'transaction': if (!this.#isHeld(unit)) await this.#applyTransaction(unit); break;
      case 'horizon': this.#checkFollowed(unit); break;
      case 'message': break;
    }
    const commitTimeUs = unit.kind === 'transaction' && unit.commitTimeUs !== undefined ? Number(unit.commitTimeUs) : this.#at.commitTimeUs;
    this.#at = { ...this.#at, position: unit.last, crc: unit.crc, lsn: maxLsn(this.#at.lsn, unitLsn(unit)), commitTimeUs };
  }

  /** Makes what was applied visible to readers. */
  commit(): void {
    if (!this.#open) return;
    this.#at = { ...this.#at, appliedAtUs: Date.now() * 1000 };
    // P4: the position moves in the same SQLite transaction as the rows it speaks of.
    this.#writePlace(this.#at);
    this.#cache.exec('COMMIT');
    this.#open = false;
    this.#committed = this.#at;
  }

  /** Undoes what was applied since the last commit. */
  rollback(): void {
    if (this.#cache.inTransaction) this.#cache.exec('ROLLBACK');
    this.#open = false;
    this.#at = this.#committed;
    for (const writer of this.#writers.values()) writer.reset();
  }

  /** Puts a table in quarantine from the unit at `position` on; what comes before it is still applied. */
  exclude(fault: TableFault, position: Quarantine['position']): Quarantine {
    const quarantine = { reason: fault.reason, cure: fault.cure === undefined || fault.cure === '' ? this.#cure : `${fault.cure}; then ${this.#cure}`, position };
    this.#quarantined.set(keyOf(fault.schema, fault.table), quarantine);
    return quarantine;
  }

  #begin(): void {
    if (this.#open) return;
    this.#cache.exec('BEGIN IMMEDIATE');
    this.#open = true;
  }

  /** True where the cache has this transaction: by LSN after a power loss (P4), by visibility after an import (design §4). */
  #isHeld(unit: Transaction): boolean {
    if (unit.commitLsn !== undefined && unit.commitLsn < this.#at.lsn) return true;
    return this.#snapshot !== undefined && isVisible(this.#snapshot, unit.xid);
  }

  /** A table that the log no longer carries must not look as if nothing happened to it (P5). */
  #checkFollowed(unit: Single): void {
    this.#recordQuarantines(unit);
    const tables = unit.line.own.get('_tables') ?? undefined;
    if (tables === this.#followed) return;
    for (const [key, { table }] of this.#writers) {
      if (!this.#isOut(key, unit) && !isFollowed(tables, table.schema, table.name)) {
        throw new TableFault({ schema: table.schema, table: table.name }, `deltastream follows it no longer: it runs with --tables ${tables}`, 'start deltastream with this table among its --tables');
      }
    }
    this.#followed = tables;
  }

  async #applyTransaction(unit: Transaction): Promise<void> {
    this.#head = '';
    this.#recordQuarantines(unit);
    // In the original format each line has a clock of its own.
    const original = unit.commitLsn === undefined;
    const prefix = original ? '_c\t' : `_c\t${unit.first.clock}\t_s\t`;
    let lines = 0;
    for await (const block of linesOf(this.#transport, unit)) {
      this.#signal.throwIfAborted();
      lines += block.length > LINE_LIMIT_BYTES ? this.#refuseLine(block, unit) : this.#applyLines(block.toString('utf8'), prefix, unit);
    }
    if (!original && lines !== unit.last.sequence - unit.first.sequence - 1) {
      throw new DeltaError('log-damaged', `${this.#transport.place}/${unit.segment}:${unit.start}: the transaction has ${lines} lines, its positions say otherwise`);
    }
    this.transactions++;
    this.rows += unit.rows;
  }

  /** A line that is too long for a string stands in a block of its own. */
  #refuseLine(block: Buffer, unit: Transaction): number {
    const { own } = decodeLine(block.toString('utf8', 0, HEAD_BYTES).replace(/(\t_action\t[a-z]+)\t[^]*$/, '$1'));
    const place = { schema: own.get('_schema') ?? PUBLIC, table: own.get('_table') ?? '' };
    const key = keyOf(place.schema, place.table);
    if (this.#writers.has(key) && !this.#isOut(key, unit)) throw new TableFault(place, `a row takes ${block.length} bytes in the log, more than the ${LINE_LIMIT_BYTES} that a mirror takes`);
    return 1;
  }

  /** Applies a block of whole lines; gives their number. The hot loop of a replay. */
  #applyLines(lines: string, prefix: string, unit: Transaction): number {
    let count = 0;
    for (let at = 0; at < lines.length; count++) {
      let end = lines.indexOf('\n', at);
      if (end === -1) end = lines.length;
      if (!lines.startsWith(prefix, at)) throw new DeltaError('log-damaged', `${this.#transport.place}/${unit.segment}:${unit.start}: a line has another clock than its transaction`);
      let start = lines.indexOf('\t', at + prefix.length) + 1;
      if (unit.commitLsn === undefined) start = lines.indexOf('\t', start + '_s\t'.length) + 1;
      const headEnd = start + this.#head.length;
      if (this.#head !== '' && lines.startsWith(this.#head, start) && lines.charCodeAt(headEnd) === TAB) this.#action(lines, headEnd + 1, end);
      else this.#applyOther(lines, at, start, end, unit);
      at = end + 1;
    }
    return count;
  }

  /** A line that is not like the one before. */
  #applyOther(lines: string, at: number, start: number, end: number, unit: Transaction): void {
    const { action, headEnd } = readHead(lines, start, end);
    const line = decodeLine(lines.slice(at, isRowAction(action) ? headEnd : end));
    if (action === 'message') return;
    const schema = line.own.get('_schema') ?? PUBLIC;
    const key = keyOf(schema, text(line, '_table'));
    const writer = this.#isOut(key, unit) ? undefined : this.#writers.get(key);
    switch (action) {
      case 'insert':
      case 'update':
      case 'replace':
      case 'delete':
        this.#head = lines.slice(start, headEnd);
        this.#action = writer === undefined ? skipRow : rowAction(writer, action);
        this.#action(lines, headEnd + 1, end);
        return;
      case 'truncate':
        writer?.truncate();
        return;
      case 'schema':
        this.#checkShape(decodeRelation(line), writer, unit);
        return;
      case 'quarantine':
        if (writer !== undefined) throw new TableFault({ schema, table: text(line, '_table') }, text(line, '_reason'), text(line, '_cure'));
        return;
      default:
        throw unknownAction(action, line.position);
    }
  }

  #checkShape(relation: Relation, writer: TableWriter | undefined, unit: Unit): void {
    const difference = writer && differenceOf(relation, writer.table);
    if (difference !== undefined) throw new TableFault(relation, difference);
    if (writer !== undefined) return;
    // A renamed table comes under a name that the cache does not know; its oid stays.
    for (const [key, { table }] of this.#writers) {
      if (table.oid === relation.oid && !this.#isOut(key, unit)) {
        throw new TableFault({ schema: table.schema, table: table.name }, `it was renamed to ${relation.schema}.${relation.table}`);
      }
    }
  }

  #isOut(key: string, unit: Unit): boolean {
    const quarantine = this.#quarantined.get(key);
    return quarantine !== undefined && comparePositions(unit.first, quarantine.position) >= 0;
  }

  /** Writes down each quarantine that begins with this unit, in its SQLite transaction. */
  #recordQuarantines(unit: Unit): void {
    for (const [key, quarantine] of this.#quarantined) {
      const writer = this.#writers.get(key);
      if (writer !== undefined && comparePositions(unit.first, quarantine.position) === 0) writeTable(this.#cache, { ...writer.table, quarantine });
    }
  }

  #enter(unit: Single): void {
    const { system, slot } = decodeHeader(unit.line);
    if (system !== this.#at.system || slot !== this.#at.slot) {
      throw new DeltaError('log-foreign', `${this.#transport.place}/${unit.segment}: is of slot ${slot} of system ${system}; the cache follows slot ${this.#at.slot} of system ${this.#at.system}`, { hint: 'give the right folder with --source' });
    }
  }
}

/** The line's action, and where its value ends: the pairs before it are few, and a table may be called `_action`. */
function readHead(lines: string, start: number, end: number): { action: string; headEnd: number } {
  for (let at = start; at < end;) {
    const value = lines.indexOf('\t', at) + 1;
    const tab = value === 0 ? -1 : lines.indexOf('\t', value);
    const valueEnd = tab === -1 || tab > end ? end : tab;
    if (lines.startsWith('_action\t', at)) return { action: lines.slice(value, valueEnd), headEnd: valueEnd };
    at = valueEnd + 1;
  }
  return { action: '', headEnd: end };
}

function isRowAction(action: string): boolean {
  return action === 'insert' || action === 'update' || action === 'replace' || action === 'delete';
}

function rowAction(writer: TableWriter, action: 'insert' | 'update' | 'replace' | 'delete'): RowAction {
  switch (action) {
    case 'insert': return (lines, start, end) => writer.insert(lines, start, end);
    case 'update': return (lines, start, end) => writer.update(lines, start, end);
    case 'replace': return (lines, start, end) => writer.replace(lines, start, end);
    case 'delete': return (lines, start, end) => writer.delete(lines, start, end);
  }
}

/** A table's key in our maps: no name of Postgres holds a NUL. */
function keyOf(schema: string, table: string): string {
  return `${schema}\0${table}`;
}
