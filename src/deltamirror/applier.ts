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
import { comparePositions } from '../daystream/position.js';
import { decodeRelation, PUBLIC } from '../daystream/relation.js';
import { unitLsn } from '../daystream/recovery.js';
import { decodeHeader, text } from '../daystream/segment.js';
import { isVisible, parseSnapshot, type Snapshot } from '../daystream/snapshot.js';
import type { Transport } from '../daystream/transport.js';
import type { Single, Transaction, Unit } from '../daystream/unit.js';
import { DeltaError } from '../errors.js';
import type { Cache } from '../sqlite/open.js';
import { placeWriter, type CachePosition } from '../sqlite/position.js';
import type { CacheTable, Quarantine } from '../sqlite/tables.js';
import { TableFault, TableFaults } from './fault.js';
import { Followed, type FollowOptions, type Quarantined } from './followed.js';
import type { TableWriter } from './table.js';

/** How the lines behind one and the same `_table … _action` are applied. */
type RowAction = (lines: string, start: number, end: number) => void;

export interface ApplierOptions extends FollowOptions {
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
  readonly #followed: Followed;
  readonly #signal: AbortSignal;
  #at: CachePosition;
  /** The state at the last COMMIT, to go back to. */
  #committed: CachePosition;
  #open = false;
  /** `_table … _action x` of the line before, and what is done with its rows. */
  #head = '';
  #action: RowAction = skipRow;
  /** Of the transaction that is being applied. */
  #faults: TableFault[] = [];
  transactions = 0;
  rows = 0;

  constructor(cache: Cache, transport: Transport, at: CachePosition, tables: readonly CacheTable[], options: ApplierOptions) {
    this.#cache = cache;
    this.#transport = transport;
    this.#at = this.#committed = at;
    this.#signal = options.signal;
    this.#writePlace = placeWriter(cache);
    this.#snapshot = at.snapshot === null ? undefined : parseSnapshot(at.snapshot);
    this.#followed = new Followed(cache, tables, options);
  }

  get at(): CachePosition { return this.#at; }
  get quarantined(): number { return this.#followed.quarantined; }
  get joining(): number { return this.#followed.joining; }

  /** Applies one unit inside the open SQLite transaction. Throws TableFaults where tables have to go out first: then `rollback` and begin anew at `at`; they are excluded. */
  async apply(unit: Unit): Promise<void> {
    if (unit.kind === 'open') this.#enter(unit);
    if (this.#isBehind(unit)) return;
    // Should this unit have another fault, then nothing but it is to be done again.
    if (this.beginningAt(unit) !== undefined) this.commit();
    this.#begin();
    this.#followed.record(unit);
    if (unit.kind === 'transaction' && !this.#isHeld(unit)) await this.#applyTransaction(unit);
    const commitTimeUs = unit.kind === 'transaction' && unit.commitTimeUs !== undefined ? Number(unit.commitTimeUs) : this.#at.commitTimeUs;
    this.#at = { ...this.#at, position: unit.last, crc: unit.crc, lsn: maxLsn(this.#at.lsn, unitLsn(unit)), commitTimeUs };
    this.#followed.settle(this.#at.lsn);
  }

  /** Faults of the tables of which this unit says that the log no longer has them; to be excluded before it is applied. */
  lostBy(unit: Unit): TableFault[] {
    return unit.kind === 'horizon' && !this.#isBehind(unit) ? this.#followed.lost(unit) : [];
  }

  /** A table whose quarantine begins with this unit, which is about to be applied. */
  beginningAt(unit: Unit): Quarantined | undefined {
    return this.#followed.beginningAt(unit);
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
    this.#followed.committed(this.#at.position);
  }

  /** Undoes what was applied since the last commit. */
  rollback(): void {
    if (this.#cache.inTransaction) this.#cache.exec('ROLLBACK');
    this.#open = false;
    this.#at = this.#committed;
    this.#followed.rolledBack();
  }

  /** Puts a table in quarantine from the unit at `position` on; what comes before it is still applied. */
  exclude(fault: TableFault, position: Quarantine['position']): Quarantine {
    return this.#followed.exclude(fault, position);
  }

  #begin(): void {
    if (this.#open) return;
    this.#cache.exec('BEGIN IMMEDIATE');
    this.#open = true;
  }

  /** P4: what the cache has is passed over, and its position never moves back (--from an earlier one). */
  #isBehind(unit: Unit): boolean {
    return comparePositions(unit.last, this.#at.position) <= 0 && unitLsn(unit) <= this.#at.lsn;
  }

  /** True where the cache has this transaction: by LSN after a power loss (P4), by visibility after an import (design §4). */
  #isHeld(unit: Transaction): boolean {
    if (unit.commitLsn !== undefined && unit.commitLsn < this.#at.lsn) return true;
    return this.#snapshot !== undefined && isVisible(this.#snapshot, unit.xid);
  }

  async #applyTransaction(unit: Transaction): Promise<void> {
    this.#head = '';
    this.#faults = [];
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
    if (this.#faults.length > 0) throw new TableFaults(this.#faults);
    this.transactions++;
    this.rows += unit.rows;
  }

  /** A line that is too long for a string stands in a block of its own. */
  #refuseLine(block: Buffer, unit: Transaction): number {
    const { own } = decodeLine(block.toString('utf8', 0, HEAD_BYTES).replace(/(\t_action\t[a-z]+)\t[^]*$/, '$1'));
    const place = { schema: own.get('_schema') ?? PUBLIC, table: own.get('_table') ?? '' };
    if (this.#followed.has(place.schema, place.table, unit)) this.#leaveOut(new TableFault(place, `a row takes ${block.length} bytes in the log, more than the ${LINE_LIMIT_BYTES} that a mirror takes`), unit);
    return 1;
  }

  /** Goes on without the table, to find whatever other tables can't take: the transaction has to be done again, but once. */
  #leaveOut(error: unknown, unit: Transaction): void {
    if (!(error instanceof TableFault)) throw error;
    this.#faults.push(error);
    this.exclude(error, unit.first);
    this.#head = '';
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
      try {
        if (this.#head !== '' && lines.startsWith(this.#head, start) && lines.charCodeAt(headEnd) === TAB) this.#action(lines, headEnd + 1, end);
        else this.#applyOther(lines, at, start, end, unit);
      } catch (error) {
        this.#leaveOut(error, unit);
      }
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
    const table = text(line, '_table');
    switch (action) {
      case 'insert':
      case 'update':
      case 'replace':
      case 'delete':
        this.#head = lines.slice(start, headEnd);
        this.#action = rowAction(this.#followed.writer(schema, table, unit), action);
        this.#action(lines, headEnd + 1, end);
        return;
      case 'truncate':
        this.#followed.writer(schema, table, unit)?.truncate();
        return;
      case 'schema':
        this.#followed.checkShape(decodeRelation(line), unit);
        this.#head = '';
        return;
      case 'quarantine':
        if (this.#followed.has(schema, table, unit)) throw new TableFault({ schema, table }, text(line, '_reason'), text(line, '_cure'));
        return;
      default:
        throw unknownAction(action, line.position);
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

function rowAction(writer: TableWriter | undefined, action: 'insert' | 'update' | 'replace' | 'delete'): RowAction {
  if (writer === undefined) return skipRow;
  switch (action) {
    case 'insert': return (lines, start, end) => writer.insert(lines, start, end);
    case 'update': return (lines, start, end) => writer.update(lines, start, end);
    case 'replace': return (lines, start, end) => writer.replace(lines, start, end);
    case 'delete': return (lines, start, end) => writer.delete(lines, start, end);
  }
}
