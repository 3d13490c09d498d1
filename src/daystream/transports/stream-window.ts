/** What has come of a file that is streamed, from its reader's place on and somewhat before it: a reader comes back to its last whole unit. */

const BEHIND_BYTES = 2 << 20;
const AHEAD_BYTES = 4 << 20;

export class StreamWindow {
  readonly #chunks: Buffer[] = [];
  #start: number;
  #end: number;
  /** Up to where bytes were handed out. */
  #read: number;
  readonly #listeners = new Set<() => void>();

  /** Nothing has come yet; the first byte will be the one at `start`. */
  constructor(start: number) {
    this.#start = this.#end = this.#read = start;
  }

  get end(): number { return this.#end; }
  /** True where bytes have come that were not handed out. */
  get hasMore(): boolean { return this.#end > this.#read; }
  /** True where the reader is to be waited for. */
  get isFull(): boolean { return this.#end - this.#read > AHEAD_BYTES; }

  holds(offset: number): boolean {
    return offset >= this.#start && offset <= this.#end;
  }

  push(bytes: Buffer): void {
    this.#chunks.push(bytes);
    this.#end += bytes.length;
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  /** Calls `listener` when more has come, once; gives what takes that back. */
  onMore(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => { this.#listeners.delete(listener); };
  }

  read(offset: number, into: Buffer): number {
    let filled = 0;
    let at = this.#start;
    for (const chunk of this.#chunks) {
      if (at + chunk.length > offset + filled) filled += chunk.copy(into, filled, offset + filled - at);
      at += chunk.length;
      if (filled === into.length) break;
    }
    this.#read = Math.max(this.#read, offset + filled);
    while (this.#chunks.length > 0 && this.#start + this.#chunks[0].length < offset - BEHIND_BYTES) this.#start += this.#chunks.shift()!.length;
    return filled;
  }
}
