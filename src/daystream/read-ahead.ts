/**
 * The bytes behind a place of a segment, a block at a time. While one block is used the next
 * is read into another buffer; what is left of the first then moves in front of it.
 */
import type { Readable } from './window.js';

interface Next {
  readonly segment: string;
  readonly offset: number;
  readonly read: Promise<number>;
}

export class ReadAhead {
  readonly #source: Readable;
  readonly #blockBytes: number;
  /** Of two blocks each: one for what is read, before it one for what was left. */
  #buffer: Buffer;
  #other: Buffer | undefined;
  /** What is held, in the buffer. */
  #start = 0;
  #end = 0;
  #next: Next | undefined;

  constructor(source: Readable, blockBytes: number) {
    this.#source = source;
    this.#blockBytes = blockBytes;
    this.#buffer = Buffer.allocUnsafe(2 * blockBytes);
  }

  /** What was read and not yet used. Its bytes stay as they are until the next `more`. */
  get held(): Buffer { return this.#buffer.subarray(this.#start, this.#end); }
  get heldBytes(): number { return this.#end - this.#start; }

  /** Takes that many bytes off what is held. */
  use(bytes: number): void {
    this.#start += bytes;
  }

  /**
   * Reads on, where what is held begins at `offset` of the segment and is less than a block. Gives
   * whether that came to the end of what there is, and whether it read anything.
   */
  async more(segment: string, offset: number): Promise<{ readonly isAll: boolean; readonly isNone: boolean }> {
    const from = offset + this.heldBytes;
    const next = this.#next;
    this.#next = undefined;
    const isAhead = next?.segment === segment && next.offset === from;
    if (!isAhead && next !== undefined) this.#other = undefined; // it may still be read into
    const read = isAhead ? await this.#swap(next) : await this.#read(segment, from);
    const isAll = read < this.#blockBytes;
    if (!isAll) this.#readNext(segment, from + read);
    return { isAll, isNone: read === 0 };
  }

  /** What is held is not to be used: what stands there may be another by now. */
  forget(): void {
    this.#start = this.#end = 0;
    if (this.#next !== undefined) this.#other = undefined;
    this.#next = undefined;
  }

  /** A block to read something else into, while nothing is held. */
  get block(): Buffer { return this.#buffer.subarray(0, this.#blockBytes); }

  async #read(segment: string, offset: number): Promise<number> {
    if (this.#end + this.#blockBytes > this.#buffer.length || this.#start === this.#end) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    const read = await this.#source.read(segment, offset, this.#buffer.subarray(this.#end, this.#end + this.#blockBytes));
    this.#end += read;
    return read;
  }

  async #swap({ read: reading }: Next): Promise<number> {
    const read = await reading;
    const other = this.#other!;
    const start = this.#blockBytes - this.heldBytes;
    this.#buffer.copy(other, start, this.#start, this.#end);
    this.#other = this.#buffer;
    this.#buffer = other;
    this.#start = start;
    this.#end = this.#blockBytes + read;
    return read;
  }

  #readNext(segment: string, offset: number): void {
    this.#other ??= Buffer.allocUnsafe(2 * this.#blockBytes);
    const read = this.#source.read(segment, offset, this.#other.subarray(this.#blockBytes));
    read.catch(() => {}); // told when it is asked for
    this.#next = { segment, offset, read };
  }
}
