/**
 * Appends the plugin's lines to the log: puts position and chain around them and does
 * not re-encode them (docs/format.md §1, §2, §5). A transaction is given its clock at
 * its begin and keeps it, so it stays within one segment.
 */
import { resolve } from 'node:path';
import { encodePairs, type Pair } from './codec.js';
import { copiedLine, copyLine, type CopyPart } from './copy-part.js';
import { Due } from './due.js';
import { Folder } from './folder.js';
import type { Following } from './following.js';
import { isBoundary, standsWithin } from './frame.js';
import { formatLsn, maxLsn, parseLsn, type Lsn } from './lsn.js';
import { hasShapes, isWhole, needsOf, notOurs, schemasOf } from './plugin-line.js';
import { ORIGIN, type Position } from './position.js';
import { PositionedFile } from './positioned-file.js';
import type { LogEnd } from './recovery.js';
import { Repeats } from './repeats.js';
import { encodeHeader, isOfDay, segmentName, type LogIdentity } from './segment.js';
import { SegmentFile } from './segment-file.js';
import { Stated } from './stated.js';
import { Unseen } from './unseen.js';
import { realFiles, type WriterFiles } from './writer-files.js';
import { prepareFolder, requireResumable } from './writer-folder.js';

const LF = 10;

export interface WriterOptions {
  /** Whole seconds since 1970 UTC. */
  readonly clock?: () => number;
  readonly files?: WriterFiles;
  /** What is followed, for readers to know; undefined: every table, partitions by their root's name. */
  readonly tables?: string;
  readonly partitions?: Following['partitions'];
}

export interface WriterStats {
  readonly transactions: number;
  readonly rows: number;
  /** Lines that state what a relation is. */
  readonly schemas: number;
  readonly bytes: number;
  readonly position: Position;
}

export class Writer {
  readonly #directory: string;
  readonly #identity: LogIdentity;
  readonly #clock: () => number;
  readonly #file: SegmentFile;
  readonly #lines: PositionedFile;
  readonly #unseen = new Unseen();
  #due = new Due();
  /** What the log's newest horizon says. */
  readonly #stated: Stated;
  #epoch = 1;
  #lsn: Lsn;
  #inTransaction = false;
  /** Of a transaction that the log has: its commit time, in the spelling of its line. */
  #dropping: string | undefined;
  #repeats: Repeats | undefined;
  /** Where the server's WAL ended when this connection was made. */
  #walLsn: Lsn = 0n;
  #transactions = 0;
  #rows = 0;
  #schemas = 0;

  private constructor(directory: string, identity: LogIdentity, lsn: Lsn, options: WriterOptions) {
    this.#directory = directory;
    this.#identity = identity;
    this.#lsn = lsn;
    this.#clock = options.clock ?? (() => Math.floor(Date.now() / 1000));
    this.#stated = new Stated({ tables: options.tables, partitions: options.partitions ?? 'root' }, identity.timeline);
    this.#file = new SegmentFile(directory, options.files ?? realFiles);
    this.#lines = new PositionedFile(this.#file);
  }

  /**
   * Opens a folder for writing and cuts a torn tail. A new log begins at `startLsn`.
   * Throws DeltaError: config (the folder cannot be written), log-foreign (the log is of
   * another system or slot), log-damaged.
   */
  static async open(directory: string, identity: LogIdentity, startLsn: Lsn, options: WriterOptions = {}): Promise<Writer> {
    const end = await prepareFolder(resolve(directory), options.files ?? realFiles);
    if (end !== undefined) requireResumable(directory, end, identity, startLsn);
    const writer = new Writer(directory, identity, startLsn, options);
    if (end !== undefined) writer.#resume(end);
    return writer;
  }

  /** Every commit whose record is before this LSN is in the log. */
  get lsn(): Lsn { return this.#lsn; }

  /**
   * Before each new connection to a server whose WAL ends at `walLsn`: what it sends again behind
   * `confirmed` must be what the log has. Throws DeltaError log-foreign, then or while appending, where it is not.
   */
  async expectRepeats(confirmed: Lsn, walLsn: Lsn): Promise<void> {
    this.#walLsn = walLsn;
    this.#file.write();
    const folder = new Folder(this.#directory);
    try {
      this.#repeats = await Repeats.read(folder, confirmed, this.#lsn, this.#identity.slot);
    } finally {
      await folder.close();
    }
    this.#stated.hold(!this.#repeats.isOver);
  }

  /** What this connection has to ask for. Other tables than the log has so far only when nothing of it comes again: with them other rows would. */
  get following(): Following { return this.#stated.following; }

  /** Of which tables a copy is due. */
  get due(): Due { return this.#due; }

  /** False while the log may lack what it had before a power loss, and its readers have, or what it has has yet to come again. */
  get hasAllAgain(): boolean { return this.#lsn >= this.#walLsn && this.#repeats?.isOver !== false; }

  /** True between a begin and its commit, when nothing else can be appended. */
  get inTransaction(): boolean { return this.#inTransaction; }

  /** Whether `write` would show readers something: they act on whole units only. */
  get hasNews(): boolean { return this.#file.hasNews; }

  get stats(): WriterStats {
    return { transactions: this.#transactions, rows: this.#rows, schemas: this.#schemas, bytes: this.#lines.bytes, position: this.#lines.whole };
  }

  /** Takes whole lines of the plugin, joined by LF. Throws DeltaError log-damaged where they are not the plugin's. */
  append(message: Buffer): void {
    for (let start = 0; start < message.length;) {
      if (this.#inTransaction) start = this.#lines.putLines(message, start);
      if (start >= message.length) return;
      const lf = message.indexOf(LF, start);
      const end = lf === -1 ? message.length : lf;
      if (isBoundary(message, start)) this.#boundary(message, start, end);
      else if (this.#dropping === undefined) this.#within(message, start, end);
      start = end + 1;
    }
  }

  /**
   * Appends a horizon: the log is complete up to `lsn`. The snapshot is kept only when
   * every transaction in the log is visible in it; true where it is.
   */
  horizon(lsn: Lsn, timestampUs: bigint, snapshot: string | undefined): boolean {
    const seen: readonly Pair[] = snapshot !== undefined && this.#unseen.allVisible(snapshot) ? [['_snapshot', snapshot]] : [];
    if (this.#inTransaction) throw new Error('a horizon cannot stand in a transaction');
    if (lsn >= this.#lsn) this.#repeats?.end();
    this.#lsn = maxLsn(this.#lsn, lsn);
    this.#beginUnit();
    this.#putHorizon(timestampUs, seen);
    return seen.length > 0;
  }

  /**
   * Appends a part of a table's copy; for everybody where everybody needs one by now. True where
   * it has; false where part 0 cannot stand here: a transaction in the log is not visible in its
   * snapshot, or `hasAllAgain` is false.
   */
  copy(given: CopyPart): boolean {
    const part = this.#due.isForAll(given.oid) ? { ...given, to: undefined } : given;
    if (this.#inTransaction) throw new Error('a copy cannot stand in a transaction');
    if (part.part === 0 && !this.hasAllAgain) return false;
    if (part.snapshot !== undefined && !this.#unseen.allVisible(part.snapshot)) return false;
    this.#stateFollowing();
    this.#beginUnit();
    this.#lines.putLine(copyLine(part, this.#lsn));
    this.#lines.endLine();
    for (let start = 0; start < part.body.length;) {
      const lf = part.body.indexOf(LF, start);
      this.#lines.put(part.body, start, lf);
      this.#lines.endLine();
      start = lf + 1;
    }
    this.#lines.putLine(copiedLine(part));
    this.#lines.endUnit();
    if (part.part === 0) this.#due.begun(part.id, part);
    if (part.isLast) this.#due.ended(part.id);
    return true;
  }

  /** Writes what is buffered, so that readers see it. */
  write(): void { this.#file.write(); }

  /** Writes and syncs. Resolves to the LSN that may be confirmed to Postgres (P2); a failure is final. */
  async sync(): Promise<Lsn> {
    this.#file.write();
    const lsn = this.#repeats?.isOver === false ? this.#repeats.confirmed : this.#lsn;
    await this.#file.sync();
    return lsn;
  }

  /** Gives up the transaction at hand, as if its lines had never come: the connection that sent them is gone. */
  abandon(): void {
    this.#dropping = undefined;
    if (!this.#inTransaction) return;
    this.#inTransaction = false;
    this.#lines.cut();
  }

  close(): void { this.#file.close(); }

  #boundary(message: Buffer, start: number, end: number): void {
    const fields = message.toString('utf8', start, end).split('\t');
    const action = isWhole(fields) ? fields[1] : undefined;
    if (action === 'begin' && !this.#inTransaction) {
      // P1: what the log has is dropped, so that each commit is in it exactly once.
      this.#dropping = parseLsn(fields[5]) < this.#lsn ? fields[7] : undefined;
      if (this.#dropping !== undefined) return;
      this.#repeats?.end(); // something new comes, so what had to come again has come
      this.#stateFollowing();
      this.#beginUnit();
      this.#lines.put(message, start, end);
      this.#lines.endLine();
      this.#inTransaction = true;
    } else if (action === 'commit' && this.#dropping !== undefined) {
      this.#repeats?.take({ xid: fields[3], timestampUs: this.#dropping, lsn: fields[5], rows: fields[7], hasShapes: hasShapes(fields) });
      this.#dropping = undefined;
    } else if (action === 'commit' && this.#inTransaction) {
      this.#lines.put(message, start, end);
      this.#inTransaction = false;
      this.#lsn = maxLsn(this.#lsn, parseLsn(fields[5]));
      this.#unseen.add(BigInt(fields[3]));
      this.#transactions++;
      this.#rows += Number(fields[7]);
      this.#schemas += schemasOf(fields);
      const { reload, offer } = needsOf(fields);
      this.#due.need(reload, offer);
      this.#lines.endUnit();
    } else if (action === 'message' && !this.#inTransaction) {
      const lsn = parseLsn(fields[3]);
      if (lsn < this.#lsn) return;
      this.#repeats?.end();
      this.#stateFollowing();
      this.#beginUnit();
      this.#lines.put(message, start, end);
      this.#lsn = maxLsn(this.#lsn, lsn + 1n);
      this.#lines.endUnit();
    } else {
      throw notOurs(message, start, end);
    }
  }

  #within(message: Buffer, start: number, end: number): void {
    if (!this.#inTransaction || !standsWithin(message, start)) throw notOurs(message, start, end);
    this.#lines.put(message, start, end);
    this.#lines.endLine();
  }

  /** P5: where fewer tables are followed than before, or under other names, readers are told before the first unit that may lack some. */
  #stateFollowing(): void {
    if (!this.#stated.isSame) this.horizon(this.#lsn, this.#nowUs(), undefined);
  }

  #nowUs(): bigint {
    return BigInt(this.#clock()) * 1_000_000n;
  }

  /** Gives the unit its clock, which never runs back, and a new segment where the day is over. */
  #beginUnit(): void {
    const clock = Math.max(this.#clock(), this.#lines.clock);
    if (clock === this.#lines.clock && clock !== ORIGIN.clock) return; // where the last line stands
    if (!isOfDay(this.#file.name, clock)) this.#beginSegment(clock);
    else this.#lines.setClock(clock);
  }

  #beginSegment(clock: number): void {
    const previousCrc = this.#file.crc;
    const line = Buffer.from(encodeHeader({ ...this.#identity, epoch: this.#epoch, lsn: this.#lsn, previous: this.#lines.whole, previousCrc }));
    this.#file.begin(segmentName(clock));
    this.#stated.opened();
    this.#lines.setClock(clock);
    this.#lines.putLine(line);
    this.#lines.endUnit();
    // So that a restart need not look into the segment before.
    if (this.#due.pairs().length > 0) this.#putHorizon(this.#nowUs(), []);
    this.#file.publish();
  }

  #putHorizon(timestampUs: bigint, seen: readonly Pair[]): void {
    this.#lines.putLine(Buffer.from(encodePairs([
      ['_action', 'horizon'], ['_lsn', formatLsn(this.#lsn)], ['_ts', String(timestampUs)], ...seen,
      ...this.#stated.pairs(), ...this.#due.pairs(),
    ])));
    this.#lines.endUnit();
  }

  #resume(end: LogEnd): void {
    const { place, header } = end;
    this.#epoch = header.epoch;
    this.#lsn = end.lsn;
    this.#lines.resume(place);
    this.#stated.resume(end.following, end.timeline, header.timeline);
    this.#due = end.due;
    for (const xid of end.xids) this.#unseen.add(xid);
    this.#file.reopen(place.segment, place.offset, place.crc);
  }
}
