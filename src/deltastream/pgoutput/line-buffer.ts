/** Lines on their way to the log, as bytes (docs/format.md §1). */

const BACKSLASH = 92;
const LF = 10;
const DIGITS = Buffer.from('0123456789abcdef');
/** Up to here a loop of our own is faster than a call that copies. */
const SHORT_BYTES = 48;
/** A buffer that one huge line has made larger is given back. */
const KEPT_BYTES = 1 << 20;

/** What stands behind the backslash, by the byte that it is for; 0: the byte stands as it is. */
const ESCAPES = new Uint8Array(256);
for (const [plain, letter] of ['\\\\', '\tt', '\nn', '\rr']) ESCAPES[plain.charCodeAt(0)] = letter.charCodeAt(0);

export class LineBuffer {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #length = 0;

  get length(): number { return this.#length; }

  /** Cuts back to a length that it had. */
  set length(length: number) { this.#length = length; }

  put(bytes: Buffer, start = 0, end = bytes.length): void {
    const length = end - start;
    this.#makeRoom(length);
    const to = this.#bytes;
    let at = this.#length;
    if (length > SHORT_BYTES) bytes.copy(to, at, start, end);
    else for (let i = start; i < end; i++) to[at++] = bytes[i];
    this.#length += length;
  }

  putText(text: string): void {
    this.#makeRoom(text.length * 3);
    this.#length += this.#bytes.write(text, this.#length, 'utf8');
  }

  putEscaped(bytes: Buffer, start = 0, end = bytes.length): void {
    this.#makeRoom(2 * (end - start));
    const to = this.#bytes;
    let at = this.#length;
    for (let i = start; i < end; i++) {
      const byte = bytes[i];
      // The four that have an escape are 9, 10, 13 and 92.
      if (byte > 13 && byte !== BACKSLASH || ESCAPES[byte] === 0) to[at++] = byte;
      else {
        to[at++] = BACKSLASH;
        to[at++] = ESCAPES[byte];
      }
    }
    this.#length = at;
  }

  /** The way bytea is printed and escaped: two backslashes, x, and two digits a byte. */
  putHex(bytes: Buffer): void {
    this.putText('\\\\x');
    this.#makeRoom(2 * bytes.length);
    for (const byte of bytes) {
      this.#bytes[this.#length++] = DIGITS[byte >> 4];
      this.#bytes[this.#length++] = DIGITS[byte & 15];
    }
  }

  endLine(): void {
    this.#makeRoom(1);
    this.#bytes[this.#length++] = LF;
  }

  /** Hands over the whole lines that there are, without the last LF, in memory that is good until the call ends. */
  flush(append: (lines: Buffer) => void): void {
    if (this.#length === 0) return;
    append(this.#bytes.subarray(0, this.#length - 1));
    this.#length = 0;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafe(64 * 1024);
  }

  #makeRoom(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
