/**
 * Appends the plugin's lines to the log: puts position and chain around them and does
 * not re-encode them (docs/format.md §1, §2, §5).
 *
 * Lines are buffered, written (then readers see them) and synced (then Postgres may
 * forget them). A transaction is given its clock at its begin and keeps it, so it stays
 * within one segment. A failed write or sync leaves the writer dead: a second sync could
 * succeed and hide the loss (P2).
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DeltaError, reasonOf } from '../errors.js';
import { encodePairs } from './codec.js';
import { Folder } from './folder.js';
import { formatLsn, maxLsn, parseLsn, type Lsn } from './lsn.js';
import { ORIGIN, type Position } from './position.js';
import { findLogEnd, type LogEnd } from './recovery.js';
import { encodeHeader, formatCrc, segmentName, type LogIdentity } from './segment.js';
import { Unseen } from './unseen.js';
import { chain } from './unit.js';
import { realFiles, type WriterFiles } from './writer-files.js';

const BUFFER_BYTES = 1 << 20;
const LF = 10;
const TEMPORARY = '.new';

export interface WriterOptions {
  /** Whole seconds since 1970 UTC. */
  readonly clock?: () => number;
  readonly files?: WriterFiles;
}

/** What the writer goes back to when the unit at hand is given up. */
interface WholeEnd {
  readonly position: Position;
  readonly crc: number;
  /** Bytes of the segment, written or buffered. */
  readonly bytes: number;
}

export class Writer {
  readonly #directory: string;
  readonly #identity: LogIdentity;
  readonly #clock: () => number;
  readonly #files: WriterFiles;
  readonly #unseen = new Unseen();
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #epoch = 1;
  #lsn: Lsn;
  #segment = '';
  #file = -1;
  #fileBytes = 0;
  #used = 0;
  /** The chain over the open unit, up to `#buffer[#chained]`. */
  #crc = 0;
  #chained = 0;
  #whole: WholeEnd = { position: ORIGIN, crc: 0, bytes: 0 };
  #prefix = Buffer.alloc(0);
  #position: Position = ORIGIN;
  #inTransaction = false;
  #dropping = false;
  #syncing = 0;
  #retired: number[] = [];
  #dead: unknown;
  #transactions = 0;
  #rows = 0;
  #bytes = 0;

  private constructor(directory: string, identity: LogIdentity, lsn: Lsn, options: WriterOptions) {
    this.#directory = directory;
    this.#identity = identity;
    this.#lsn = lsn;
    this.#clock = options.clock ?? (() => Math.floor(Date.now() / 1000));
    this.#files = options.files ?? realFiles;
  }

  /**
   * Opens a folder for writing and cuts a torn tail. A new log begins at `startLsn`.
   * Throws DeltaError: config (the folder cannot be written), log-foreign (the log is of
   * another system or slot), log-damaged.
   */
  static async open(directory: string, identity: LogIdentity, startLsn: Lsn, options: WriterOptions = {}): Promise<Writer> {
    const writer = new Writer(directory, identity, startLsn, options);
    const end = await prepareFolder(directory);
    if (end !== undefined) writer.#resume(end);
    return writer;
  }

  /** Every commit whose record is before this LSN is in the log. */
  get lsn(): Lsn { return this.#lsn; }

  /** True between a begin and its commit, when nothing else can be appended. */
  get inTransaction(): boolean { return this.#inTransaction; }

  /** Bytes appended and not yet written. */
  get bufferedBytes(): number { return this.#used; }

  get stats(): { transactions: number; rows: number; bytes: number; position: Position } {
    return { transactions: this.#transactions, rows: this.#rows, bytes: this.#bytes, position: this.#position };
  }

  /** Takes whole lines of the plugin, joined by LF. Throws DeltaError log-damaged where they are not the plugin's. */
  append(message: Buffer): void {
    for (let start = 0; start < message.length;) {
      const lf = message.indexOf(LF, start);
      const end = lf === -1 ? message.length : lf;
      // `_action` begins a line that opens or closes a unit or stands alone; `_table`, `_schema` and `_xid` stand within one.
      if (message[start + 1] === 0x61) this.#boundary(message, start, end);
      else if (!this.#dropping) this.#within(message, start, end);
      start = end + 1;
    }
  }

  /**
   * Appends a horizon: the log is complete up to `lsn`. The snapshot is kept only when
   * every transaction in the log is visible in it; true where it is.
   */
  horizon(lsn: Lsn, timestampUs: bigint, snapshot: string | undefined): boolean {
    const seen = snapshot !== undefined && this.#unseen.allVisible(snapshot);
    this.#lsn = maxLsn(this.#lsn, lsn);
    const text = encodePairs([
      ['_action', 'horizon'],
      ['_lsn', formatLsn(this.#lsn)],
      ['_ts', String(timestampUs)],
      ...(seen ? [['_snapshot', snapshot] as const] : []),
    ]);
    this.#openUnit();
    this.#line(Buffer.from(text), 0, text.length);
    this.#closeUnit();
    return seen;
  }

  /** Writes what is buffered, so that readers see it. */
  write(): void {
    if (this.#used === 0) return;
    const bytes = this.#buffer.subarray(0, this.#used);
    this.#crc = chain(bytes.subarray(this.#chained), this.#crc);
    this.#guard(() => this.#files.write(this.#file, bytes));
    this.#fileBytes += this.#used;
    this.#bytes += this.#used;
    this.#used = 0;
    this.#chained = 0;
  }

  /** Writes and syncs. Resolves to the LSN that may be confirmed to Postgres (P2); a failure is final. */
  async sync(): Promise<Lsn> {
    this.write();
    const lsn = this.#lsn;
    if (this.#file === -1) return lsn;
    this.#syncing++;
    try {
      await this.#files.sync(this.#file);
    } catch (error) {
      throw this.#fail(error);
    } finally {
      if (--this.#syncing === 0) this.#closeRetired();
    }
    if (this.#dead !== undefined) throw this.#dead;
    return lsn;
  }

  /** Gives up the transaction at hand, as if its lines had never come: the connection that sent them is gone. */
  abandon(): void {
    this.#dropping = false;
    if (!this.#inTransaction) return;
    this.#inTransaction = false;
    const { bytes, position, crc } = this.#whole;
    if (bytes < this.#fileBytes) {
      this.#guard(() => this.#files.truncate(this.#file, bytes));
      this.#fileBytes = bytes;
    }
    this.#used = bytes - this.#fileBytes;
    this.#position = position;
    this.#crc = crc;
    this.#chained = this.#used;
  }

  close(): void {
    if (this.#file !== -1) this.#retired.push(this.#file);
    this.#file = -1;
    if (this.#syncing === 0) this.#closeRetired();
  }

  #boundary(message: Buffer, start: number, end: number): void {
    const fields = message.toString('utf8', start, end).split('\t');
    switch (fields[1]) {
      case 'begin':
        if (this.#inTransaction) throw notOurs(message, start, end);
        // P1: what the log has is dropped, so that each commit is in it exactly once.
        this.#dropping = parseLsn(fields[5]) < this.#lsn;
        if (this.#dropping) return;
        this.#openUnit();
        this.#line(message, start, end);
        this.#inTransaction = true;
        return;
      case 'commit':
        if (this.#dropping) {
          this.#dropping = false;
          return;
        }
        if (!this.#inTransaction) throw notOurs(message, start, end);
        this.#line(message, start, end);
        this.#inTransaction = false;
        this.#lsn = maxLsn(this.#lsn, parseLsn(fields[5]));
        this.#unseen.add(BigInt(fields[3]));
        this.#transactions++;
        this.#rows += Number(fields[7]);
        this.#closeUnit();
        return;
      case 'message':
        if (this.#inTransaction) throw notOurs(message, start, end);
        if (parseLsn(fields[3]) < this.#lsn) return;
        this.#openUnit();
        this.#line(message, start, end);
        this.#lsn = maxLsn(this.#lsn, parseLsn(fields[3]) + 1n);
        this.#closeUnit();
        return;
      default:
        throw notOurs(message, start, end);
    }
  }

  #within(message: Buffer, start: number, end: number): void {
    if (!this.#inTransaction || message[start] !== 0x5f) throw notOurs(message, start, end);
    this.#line(message, start, end);
  }

  /** Gives the next unit its clock, which never runs back, and a new segment where the day is over. */
  #openUnit(): void {
    const clock = Math.max(this.#clock(), this.#position.clock);
    if (segmentName(clock) !== this.#segment) this.#openSegment(clock);
    this.#setClock(clock);
  }

  #setClock(clock: number): void {
    if (clock === this.#position.clock && this.#prefix.length > 0) return;
    if (clock !== this.#position.clock) this.#position = { clock, sequence: -1 };
    this.#prefix = Buffer.from(`_c\t${clock}\t_s\t`);
  }

  /** Position, then the line as it came. */
  #line(bytes: Buffer, start: number, end: number): void {
    const sequence = this.#position.sequence + 1;
    this.#position = { clock: this.#position.clock, sequence };
    const digits = Buffer.from(`${sequence}\t`, 'latin1');
    this.#put(this.#prefix, 0, this.#prefix.length);
    this.#put(digits, 0, digits.length);
    this.#put(bytes, start, end);
    this.#put(LINE_END, 0, 1);
  }

  #put(bytes: Buffer, start: number, end: number): void {
    while (start < end) {
      if (this.#used === BUFFER_BYTES) this.write();
      const length = Math.min(end - start, BUFFER_BYTES - this.#used);
      bytes.copy(this.#buffer, this.#used, start, start + length);
      this.#used += length;
      start += length;
    }
  }

  /** Puts `_crc` in the place of the last line feed: the unit is whole. */
  #closeUnit(): void {
    if (this.#used === 0) throw new Error('the line that closes a unit must still be buffered');
    this.#used--;
    const crc = chain(this.#buffer.subarray(this.#chained, this.#used), this.#crc);
    const trailer = Buffer.from(`\t_crc\t${formatCrc(crc)}\n`, 'latin1');
    this.#chained = this.#used;
    this.#put(trailer, 0, trailer.length);
    this.#crc = crc;
    this.#chained = this.#used;
    this.#whole = { position: this.#position, crc, bytes: this.#fileBytes + this.#used };
  }

  /** Ends the segment at hand and begins the one of this clock's day. */
  #openSegment(clock: number): void {
    this.write();
    const previous = this.#whole;
    if (this.#file !== -1) {
      // A segment is durable before the next one exists, so a torn tail is only ever in the newest.
      this.#guard(() => this.#files.syncNow(this.#file));
      this.#retired.push(this.#file);
      if (this.#syncing === 0) this.#closeRetired();
    }
    this.#segment = segmentName(clock);
    const path = join(this.#directory, this.#segment);
    const header = { ...this.#identity, epoch: this.#epoch, lsn: this.#lsn, previous: previous.position, previousCrc: previous.crc };
    const line = Buffer.from(encodeHeader(header));
    this.#guard(() => {
      this.#file = this.#files.open(path + TEMPORARY);
      this.#files.truncate(this.#file, 0);
    });
    this.#fileBytes = 0;
    this.#position = { clock, sequence: -1 };
    this.#prefix = Buffer.from(`_c\t${clock}\t_s\t`);
    this.#line(line, 0, line.length);
    this.#closeUnit();
    this.write();
    this.#guard(() => {
      // P2: the segment appears whole, and its name is durable before anything in it is confirmed.
      this.#files.syncNow(this.#file);
      this.#files.publish(path + TEMPORARY, path);
      this.#files.syncFolder(this.#directory);
    });
  }

  #resume(end: LogEnd): void {
    const { header, place } = end;
    if (header.system !== this.#identity.system || header.slot !== this.#identity.slot) {
      throw new DeltaError('log-foreign', `${this.#directory}: holds the log of slot ${header.slot} of system ${header.system}, not of slot ${this.#identity.slot} of system ${this.#identity.system}`, { hint: 'give another folder with --out' });
    }
    this.#epoch = header.epoch;
    this.#lsn = end.lsn;
    this.#segment = place.segment;
    this.#position = place.position;
    this.#crc = place.crc;
    this.#fileBytes = place.offset;
    this.#whole = { position: place.position, crc: place.crc, bytes: place.offset };
    for (const xid of end.xids) this.#unseen.add(xid);
    this.#guard(() => {
      this.#file = this.#files.open(join(this.#directory, place.segment));
      if (end.size > place.offset) this.#files.truncate(this.#file, place.offset);
    });
  }

  #closeRetired(): void {
    for (const file of this.#retired.splice(0)) this.#files.close(file);
  }

  #guard(act: () => void): void {
    if (this.#dead !== undefined) throw this.#dead;
    try {
      act();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #fail(error: unknown): DeltaError {
    const failure = new DeltaError('io', `${join(this.#directory, this.#segment)}: ${reasonOf(error)}`, {
      hint: 'nothing that was not synced is confirmed to Postgres: see to the disk and start deltastream again',
      cause: error,
    });
    this.#dead = failure;
    return failure;
  }
}

const LINE_END = Buffer.from('\n');

/** Makes the folder, removes what a dead writer left half made, and finds the end of the log. */
async function prepareFolder(directory: string): Promise<LogEnd | undefined> {
  try {
    mkdirSync(directory, { recursive: true });
    for (const name of readdirSync(directory)) {
      if (name.endsWith(`.daystream${TEMPORARY}`)) rmSync(join(directory, name));
    }
  } catch (error) {
    throw new DeltaError('config', `${directory}: ${reasonOf(error)}`, { hint: 'give a folder that you may write with --out', cause: error });
  }
  const folder = new Folder(directory);
  try {
    return await findLogEnd(folder);
  } finally {
    await folder.close();
  }
}

function notOurs(message: Buffer, start: number, end: number): DeltaError {
  return new DeltaError('log-damaged', `not what the plugin writes here: ${JSON.stringify(message.toString('utf8', start, Math.min(end, start + 80)))}`, {
    hint: 'read a slot whose plugin is deltastream',
  });
}
