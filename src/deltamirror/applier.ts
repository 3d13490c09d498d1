/**
 * Applies units to the cache. Rows, position and commit LSN move in one SQLite
 * transaction (P4), which holds whole transactions of Postgres only, so a reader of the
 * cache sees Postgres as of some commit and never half of one (P3).
 */
import { linesOf } from '../daystream/lines.js';
import { formatPosition, type Position } from '../daystream/position.js';
import type { Place } from '../daystream/reader.js';
import { decodeHeader, type SegmentHeader } from '../daystream/segment.js';
import { parseSnapshot, type Snapshot } from '../daystream/snapshot.js';
import type { Transport } from '../daystream/transport.js';
import type { Copy, Epoch, Single, Transaction, Unit } from '../daystream/unit.js';
import { DeltaError } from '../errors.js';
import { keptLines } from '../sqlite/copies.js';
import type { Cache } from '../sqlite/open.js';
import { writePosition, type CachePosition } from '../sqlite/position.js';
import type { Absent } from '../sqlite/rows.js';
import type { CacheTable, Quarantine } from '../sqlite/tables.js';
import { Writing } from '../sqlite/writing.js';
import { behindUnit, isBehind, isHeld } from './advance.js';
import { NOT_BEHIND, type Behind } from './behind.js';
import { Copies } from './copies.js';
import { takeRows } from './copy-rows.js';
import { behindEpoch, Epochs, readHeads, requireSameLog } from './epochs.js';
import { endedBy, TableFault, TableFaults } from './fault.js';
import { Followed } from './followed.js';
import { LINE_LIMIT_BYTES, prefixOf, requireLines, tooLong } from './limits.js';
import { Lines, NO_POSITION, type Layout } from './lines.js';
import { Migrations } from './migrations.js';
import { Plans } from './plans.js';
import { Quarantines, type Quarantined } from './quarantines.js';
import { Registry } from './registry.js';
import type { Scope } from './scope.js';
import { Taking } from './taking.js';

export interface ApplierOptions {
  /** What to type to have a table again that is in quarantine; `table` is given as a pattern. */
  readonly cure: (schema: string, table: string) => string;
  /** Of the history that the log is in where reading begins. */
  readonly epoch: number;
  readonly absent: Absent;
  /** A table that was dropped in Postgres stays as it was. */
  readonly keepDropped: boolean;
  /** Ends a large transaction midway: it is undone. */
  readonly signal: AbortSignal;
}

export class Applier {
  readonly #cache: Cache;
  readonly #transport: Transport;
  readonly #writing: Writing;
  /** Of the import of the whole cache. */
  #snapshot: Snapshot | undefined;
  readonly #registry: Registry;
  readonly #quarantines: Quarantines;
  readonly #migrations: Migrations;
  readonly #copies: Copies;
  readonly #followed: Followed;
  readonly #lines: Lines;
  readonly #plans: Plans | undefined;
  readonly #taking: Taking | undefined;
  readonly #signal: AbortSignal;
  readonly #epochs: Epochs;
  #header: Pick<SegmentHeader, 'epoch'> & Partial<SegmentHeader>;
  #at: CachePosition;
  /** To go back to. */
  #committed: CachePosition;
  /** Of the unit that is being applied. */
  #faults: TableFault[] = [];
  /** What became of tables since the last commit, to be told when it is committed. */
  #notes: string[] = [];
  #committedNotes: string[] = [];
  transactions = 0;
  rows = 0;

  constructor(cache: Cache, transport: Transport, at: CachePosition, tables: readonly CacheTable[], options: ApplierOptions) {
    this.#cache = cache;
    this.#transport = transport;
    this.#at = this.#committed = at;
    this.#signal = options.signal;
    this.#header = { epoch: options.epoch };
    this.#writing = new Writing(cache, () => this.#registry.forgetWriters());
    this.#snapshot = at.snapshot === null ? undefined : parseSnapshot(at.snapshot);
    const note = (text: string) => { this.#notes.push(text); };
    this.#registry = new Registry(cache, tables);
    this.#quarantines = new Quarantines(options.cure);
    this.#migrations = new Migrations(cache, this.#registry, this.#quarantines, { keepDropped: options.keepDropped, note });
    this.#copies = new Copies(cache, this.#registry, this.#quarantines, { imported: () => this.#snapshot, note });
    this.#epochs = new Epochs(cache, this.#registry, this.#migrations, { cure: options.cure, note });
    this.#followed = new Followed(cache, this.#registry, this.#quarantines, options.absent);
    this.#plans = Plans.open(cache, this.#followed);
    this.#taking = this.#plans && new Taking(this.#plans);
    this.#lines = new Lines(this.#followed, this.#migrations, this.#plans, (error, scope) => this.#leaveOut(error, scope));
  }

  get at(): CachePosition { return this.#at; }
  /** As readers of the cache see it. */
  get committed(): CachePosition { return this.#committed; }
  get isOpen(): boolean { return this.#writing.isOpen; }
  get tables(): CacheTable[] { return this.#registry.all().map(({ table }) => table); }
  get joining(): number { return this.#followed.joining; }
  get quarantined(): number { return this.#followed.count('quarantine'); }
  get waiting(): number { return this.#followed.count('waiting'); }

  /** Applies transactions at the block's offset, where the log stands at `place`, as far as the native engine does; gives the place behind them. */
  take(block: Buffer, from: number, place: Place): Place {
    const taking = this.#taking;
    if (taking === undefined || this.#header.epoch !== this.#at.epoch || !taking.isReady(this.#at, place)) return place;
    this.#writing.begin();
    const taken = taking.take(block, from, place, this.#at, this.#snapshot?.xmax);
    this.#at = taken.at;
    this.transactions += taken.transactions;
    this.rows += taken.rows;
    return taken.place;
  }

  /** Applies one unit inside the open SQLite transaction. Throws TableFaults where tables have to go out first: then `rollback` and begin anew at `at`; they are excluded. */
  async apply(unit: Unit): Promise<void> {
    if (unit.kind === 'open') this.#enter(unit);
    if (this.#isBehind(unit)) return;
    if (this.#header.epoch !== this.#at.epoch) return this.#break(unit);
    // Should this unit have another fault, then nothing but it is to be done again; and a copy ends a quarantine that is written down.
    if (this.beginningAt(unit) !== undefined || (unit.kind === 'copy' && unit.part === 0)) this.commit();
    this.#writing.begin();
    this.#followed.record(unit);
    this.#faults = [];
    if (unit.kind === 'transaction' && !isHeld(unit, this.#at, this.#snapshot)) await this.#applyTransaction(unit);
    if (unit.kind === 'copy') await this.#applyCopy(unit);
    if (this.#faults.length > 0) throw new TableFaults(this.#faults);
    this.#at = behindUnit(this.#at, unit);
    this.#followed.settle(this.#at.lsn);
  }

  /** Another history begins (docs/format.md §3, "Where history broke"). It is committed apart: nothing before is done again behind it. */
  async #break(unit: Unit): Promise<void> {
    if (unit.kind === 'open') return; // what it says counts with the epoch's unit, the next one
    if (unit.kind !== 'epoch') throw new DeltaError('log-foreign', `${this.#placeOf(unit)}: is of epoch ${this.#header.epoch}; the cache stands in epoch ${this.#at.epoch}`, { hint: 'leave out --from' });
    this.commit();
    this.#writing.begin();
    this.#faults = [];
    await this.#applyEpoch(unit);
    if (this.#faults.length > 0) throw new TableFaults(this.#faults);
    this.#at = behindEpoch(this.#at, this.#header, unit);
    this.#snapshot = undefined;
    writePosition(this.#cache, this.#at);
    this.commit();
  }

  async #applyEpoch(unit: Epoch): Promise<void> {
    const scope: Scope = { position: unit.first, xid: undefined, oid: undefined, rowsOnly: true };
    const heads = await readHeads(this.#transport, unit);
    this.#epochs.enter(unit, heads, this.#at);
    this.#followed.record(unit);
    this.#epochs.shape(unit, heads, scope, (error) => this.#leaveOut(error, scope));
    await this.#applyLines(unit, scope);
    this.#settle(scope);
    this.transactions++;
    this.rows += unit.rows;
  }

  /** Faults of the tables of which this unit says that the log no longer has them; to be excluded before it is applied. */
  lostBy(unit: Unit): TableFault[] {
    return unit.kind === 'horizon' && !this.#isBehind(unit) ? this.#followed.lost(unit) : [];
  }

  /** A table whose quarantine begins with this unit, which is about to be applied. */
  beginningAt(unit: Unit): Quarantined | undefined {
    return this.#followed.beginningAt(unit);
  }

  /** Makes what was applied visible to readers, with word of what is left to apply. */
  commit(behind: Behind = NOT_BEHIND): void {
    if (!this.#writing.isOpen) return;
    if (this.#taking?.isMidway === true) return this.rollback(); // P3: never half a transaction
    this.#at = { ...this.#at, ...behind, appliedAtUs: Date.now() * 1000 };
    this.#writing.commit(this.#at, this.#registry.changed);
    this.#committed = this.#at;
    this.#followed.committed(this.#at.position);
    this.#committedNotes.push(...this.#notes.splice(0));
  }

  /** What became of tables up to the last commit, a line each; told once. */
  notes(): string[] {
    return this.#committedNotes.splice(0);
  }

  /** Undoes what was applied since the last commit. */
  rollback(): void {
    this.#writing.rollback();
    this.#at = this.#committed;
    this.#header = { epoch: this.#at.epoch };
    this.#notes = [];
    this.#registry.rolledBack();
    this.#migrations.rolledBack();
    this.#copies.rolledBack();
    this.#taking?.rolledBack();
  }

  /** Puts a table in quarantine from the unit at `position` on; what comes before it is still applied. */
  exclude(fault: TableFault, position: Quarantine['position']): Quarantine {
    return this.#quarantines.exclude(fault, position);
  }

  #isBehind(unit: Unit): boolean {
    return isBehind(unit, this.#header.epoch, this.#at);
  }

  async #applyTransaction(unit: Transaction): Promise<void> {
    const scope = { position: unit.first, xid: unit.xid, oid: undefined };
    await this.#applyLines(unit, scope);
    this.#settle(scope);
    this.transactions++;
    this.rows += unit.rows;
  }

  async #applyLines(unit: Transaction | Epoch, scope: Scope): Promise<void> {
    // In the original format each line has a clock of its own.
    const original = unit.kind === 'transaction' && unit.commitLsn === undefined;
    const layout = { prefix: original ? '_c\t' : prefixOf(unit.first), original, place: this.#placeOf(unit) };
    const done = this.#taking?.partOf(unit);
    let lines = done?.lines ?? 0;
    this.#lines.begin();
    this.#signal.throwIfAborted();
    if (unit.body !== undefined) lines += this.#lines.apply(unit.body.subarray(done?.bytes ?? 0), layout, scope);
    else for await (const block of linesOf(this.#transport, unit)) {
      this.#signal.throwIfAborted();
      lines += this.#lines.apply(block, layout, scope);
    }
    if (!original) requireLines(unit, lines, this.#placeOf(unit));
    this.#taking?.finished();
  }

  async #applyCopy(unit: Copy): Promise<void> {
    try {
      await (unit.part === 0 ? this.#beginCopy(unit) : this.#applyPart(unit));
      if (unit.isLast && this.#faults.length === 0) this.#finishCopy(unit);
    } catch (error) {
      this.#leaveOut(error, { position: unit.first });
    }
  }

  async #beginCopy(unit: Copy): Promise<void> {
    const texts: string[] = [];
    for await (const block of linesOf(this.#transport, unit)) texts.push(block.toString('utf8'));
    this.#copies.begin(unit, texts.join('').split('\n').slice(0, -1));
  }

  async #applyPart(unit: Copy): Promise<void> {
    const rows = this.#copies.part(unit);
    if (rows === undefined) return;
    let lines = 0;
    for await (const block of linesOf(this.#transport, unit)) {
      this.#signal.throwIfAborted();
      if (block.length > LINE_LIMIT_BYTES) throw tooLong(rows.table, block.length);
      lines += takeRows(rows, block, unit.first, this.#plans);
    }
    requireLines(unit, lines, this.#placeOf(unit));
    this.#copies.took(unit);
    this.rows += unit.rows;
  }

  /** The copy takes its table's place, and what was kept meanwhile is applied behind it. */
  #finishCopy(unit: Copy): void {
    const table = this.#copies.finish(unit);
    if (table === undefined) return;
    const layout = { prefix: '_c\t0\t_s\t', original: false, place: this.#placeOf(unit) };
    const scope = { position: unit.first, xid: undefined, oid: table.oid };
    this.#lines.begin();
    for (const lines of keptLines(this.#cache, table.oid)) this.#lines.applyText(lines.map((line) => `${NO_POSITION}${line}\n`).join(''), layout, scope);
    this.#settle(scope);
    this.#copies.end(table.oid);
  }

  #settle(scope: Scope): void {
    try {
      this.#migrations.settle();
    } catch (error) {
      this.#leaveOut(error, scope);
    }
  }

  /** Goes on without the table, to find whatever other tables can't take: the unit has to be done again, but once. */
  #leaveOut(error: unknown, { position }: { readonly position: Position }): void {
    if (!this.#cache.inTransaction || !(error instanceof TableFault)) throw endedBy(error, this.#cache);
    // It would come again for ever.
    if (this.#quarantines.of(error.oid, position) !== undefined) throw new Error(`${error.message}: at ${formatPosition(position)}, where it was left out`);
    this.#faults.push(error);
    this.exclude(error, position);
  }

  #enter(unit: Single): void {
    const header = decodeHeader(unit.line);
    requireSameLog(header, this.#at, this.#placeOf(unit));
    this.#header = header;
  }

  #placeOf({ segment, start }: Unit): Layout['place'] {
    return `${this.#transport.place}/${segment}:${start}`;
  }
}
