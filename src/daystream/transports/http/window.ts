/** What came last of one file, in one piece: a reader goes back a little, to look at half a unit again. */

/** More than a reader's block. */
const KEPT_BYTES = 2 << 20;
const FIRST_BYTES = 64 << 10;

export class Window {
  /** None before something comes: a reader that goes from place to place leaves many windows behind. */
  #buffer = Buffer.alloc(0);
  #start: number;
  #used = 0;
  #isNew = true;
  /** Where the last read ended. */
  #read: number;

  constructor(readonly name: string, offset: number) {
    this.#start = this.#read = offset;
  }

  /** Byte offset behind the last one. */
  get end(): number { return this.#start + this.#used; }

  /** True until something came. */
  get isNew(): boolean { return this.#isNew; }

  holds(name: string, offset: number): boolean {
    return name === this.name && offset >= this.#start && offset <= this.end;
  }

  push(chunk: Buffer): void {
    if (this.#used + chunk.length > this.#buffer.length) this.#makeRoom(chunk.length);
    chunk.copy(this.#buffer, this.#used);
    this.#used += chunk.length;
    this.#isNew = false;
  }

  /** Copies from `offset` on; gives the number of bytes. */
  copy(offset: number, into: Buffer): number {
    const copied = this.#buffer.copy(into, 0, offset - this.#start, Math.min(this.#used, offset - this.#start + into.length));
    this.#read = offset + copied;
    return copied;
  }

  #makeRoom(bytes: number): void {
    const gone = Math.max(0, this.#read - KEPT_BYTES - this.#start);
    const kept = this.#buffer.subarray(gone, this.#used);
    let size = Math.max(this.#buffer.length, FIRST_BYTES);
    while (kept.length + bytes > size) size *= 2;
    const into = size === this.#buffer.length ? this.#buffer : Buffer.allocUnsafe(size);
    kept.copy(into);
    this.#buffer = into;
    this.#start += gone;
    this.#used = kept.length;
  }
}
