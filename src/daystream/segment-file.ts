/**
 * The segment being written: buffered bytes, the chain over them, and the end of the
 * last whole unit to go back to. Knows bytes only; what a line means is the writer's.
 *
 * A failed write or sync is final: a second sync could succeed and hide the loss (P2).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DeltaError, reasonOf } from '../errors.js';
import { compressedName } from './file-names.js';
import { frame, STAMP_BYTES, type Extent, type Framed } from './frame.js';
import { writeIndex } from './index-file.js';
import { formatCrc } from './segment.js';
import { chain } from './unit.js';
import type { WriterFiles } from './writer-files.js';

const BUFFER_BYTES = 1 << 20;
/** Behind the buffer, in the same memory: lines that come, until they stand in it. A message of the plugin is half as long. */
const STAGE_BYTES = 1 << 16;
/** What they take in the buffer, unless they are shorter than any that we know. */
const FRAMED_BYTES = 4 * STAGE_BYTES;
const LF = 10;
/** What a segment is called until its open line is whole and durable. */
export const TEMPORARY = '.new';

export class SegmentFile {
  readonly #directory: string;
  readonly #files: WriterFiles;
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES + STAGE_BYTES + STAMP_BYTES);
  #name = '';
  #file = -1;
  /** Bytes in the file, and bytes behind them in the buffer. */
  #written = 0;
  #used = 0;
  /** The chain over all bytes before `#buffer[#chained]`. */
  #crc = 0;
  #chained = 0;
  /** Where the last whole unit ends: bytes, and the chain's value. */
  #wholeBytes = 0;
  #wholeCrc = 0;
  #syncing = 0;
  #retired: number[] = [];
  #dead: DeltaError | undefined;

  constructor(directory: string, files: WriterFiles) {
    this.#directory = directory;
    this.#files = files;
  }

  get name(): string { return this.#name; }
  /** Whether a unit is whole that is not written. */
  get hasNews(): boolean { return this.#wholeBytes > this.#written; }
  /** The chain's value behind the last whole unit. */
  get crc(): number { return this.#wholeCrc; }

  /** Goes on with a segment whose whole units end at `bytes`; what stands behind is cut. Throws DeltaError log-damaged where it was compressed: it was not the newest one then. */
  reopen(name: string, bytes: number, crc: number): void {
    if (!existsSync(join(this.#directory, name))) {
      throw new DeltaError('log-damaged', `${join(this.#directory, compressedName(name))}: is compressed, so there was a newer segment, which is gone`, {
        hint: `put the newer segments back; or, if the log is to go on from here: gunzip --keep ${compressedName(name)}`,
      });
    }
    this.#name = name;
    this.#written = this.#wholeBytes = bytes;
    this.#crc = this.#wholeCrc = crc;
    this.#guard(() => {
      this.#file = this.#files.open(join(this.#directory, name));
      this.#files.truncate(this.#file, bytes);
      // P2: the run that made the segment may have died before its name was durable.
      this.#files.syncFolder(this.#directory);
    });
  }

  /** Begins a segment under a temporary name; the one before is durable from here on, so a torn tail is only ever in the newest. */
  begin(name: string): void {
    this.write();
    this.#guard(() => {
      if (this.#file !== -1) this.#files.syncNow(this.#file);
      this.#retire();
      this.#file = this.#files.open(join(this.#directory, name + TEMPORARY));
      this.#files.truncate(this.#file, 0);
    });
    this.#name = name;
    this.#written = this.#wholeBytes = 0;
  }

  /** Makes the segment appear, its open line whole. P2: its name is durable before anything in it is confirmed. */
  publish(): void {
    this.write();
    const path = join(this.#directory, this.#name);
    this.#guard(() => {
      this.#files.syncNow(this.#file);
      this.#files.publish(path + TEMPORARY, path);
      this.#files.syncFolder(this.#directory);
      writeIndex(this.#directory);
    });
  }

  /** Text of ASCII, as short as a position is. */
  putShort(text: string): void {
    if (this.#used + text.length > BUFFER_BYTES) this.write();
    this.#used += this.#buffer.write(text, this.#used, 'latin1');
  }

  put(bytes: Buffer, start: number, end: number): void {
    while (start < end) {
      if (this.#used === BUFFER_BYTES) this.write();
      const length = Math.min(end - start, BUFFER_BYTES - this.#used);
      bytes.copy(this.#buffer, this.#used, start, start + length);
      this.#used += length;
      start += length;
    }
  }

  /** Puts the lines from `start` on behind `head` and their numbers: those that stand within a unit (frame.ts) and fit the stage. */
  frame(message: Buffer, start: number, head: string, sequence: number): Framed {
    if (BUFFER_BYTES - this.#used < FRAMED_BYTES) this.write();
    const framed = frame(this.#buffer, this.#stage(message, start), { start: this.#used, end: BUFFER_BYTES }, BUFFER_BYTES + STAGE_BYTES, head, sequence);
    this.#used += framed.put;
    return framed;
  }

  /** Puts the trailer behind the unit's last line, which has no line feed yet: the unit is whole. */
  endUnit(): void {
    const crc = chain(this.#buffer.subarray(this.#chained, this.#used), this.#crc);
    this.putShort(`\t_crc\t${formatCrc(crc)}\n`);
    this.#crc = this.#wholeCrc = crc;
    this.#chained = this.#used;
    this.#wholeBytes = this.#written + this.#used;
  }

  /** Goes back to the end of the last whole unit. */
  cut(): void {
    if (this.#wholeBytes < this.#written) {
      this.#guard(() => this.#files.truncate(this.#file, this.#wholeBytes));
      this.#written = this.#wholeBytes;
    }
    this.#used = this.#chained = this.#wholeBytes - this.#written;
    this.#crc = this.#wholeCrc;
  }

  /** Hands the buffer to the operating system: from here on readers see it. */
  write(): void {
    if (this.#used === 0) return;
    const bytes = this.#buffer.subarray(0, this.#used);
    this.#crc = chain(bytes.subarray(this.#chained), this.#crc);
    this.#guard(() => this.#files.write(this.#file, bytes));
    this.#written += this.#used;
    this.#used = this.#chained = 0;
  }

  /** Brings whole lines into the buffer's memory, the last with an LF too. */
  #stage(message: Buffer, start: number): Extent {
    const fits = message.length - start < STAGE_BYTES;
    const last = fits ? message.length : message.lastIndexOf(LF, start + STAGE_BYTES - 1) + 1;
    if (last <= start) return { start: BUFFER_BYTES, end: BUFFER_BYTES };
    this.#buffer.set(message.subarray(start, last), BUFFER_BYTES);
    let end = BUFFER_BYTES + last - start;
    if (this.#buffer[end - 1] !== LF) this.#buffer[end++] = LF;
    return { start: BUFFER_BYTES, end };
  }

  async sync(): Promise<void> {
    if (this.#dead !== undefined) throw this.#dead;
    if (this.#file === -1) return;
    this.#syncing++;
    try {
      await this.#files.sync(this.#file);
    } catch (error) {
      throw this.#fail(error);
    } finally {
      if (--this.#syncing === 0) this.#closeRetired();
    }
    if (this.#dead !== undefined) throw this.#dead;
  }

  close(): void {
    this.#retire();
  }

  /** Closes the file as soon as no sync of it is under way. */
  #retire(): void {
    if (this.#file !== -1) this.#retired.push(this.#file);
    this.#file = -1;
    if (this.#syncing === 0) this.#closeRetired();
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
    this.#dead = new DeltaError('io', `${join(this.#directory, this.#name)}: ${reasonOf(error)}`, {
      hint: 'nothing unsynced was confirmed to Postgres, so nothing is lost: see to the disk and start deltastream again',
      cause: error,
    });
    return this.#dead;
  }
}
