/** Small reads of a segment out of one larger one: to a place behind a network each read is a way there and back. */
import type { Transport } from './transport.js';

const WINDOW_BYTES = 1 << 17;

/** What looking for something in a segment takes. */
export type Readable = Pick<Transport, 'place' | 'read'>;

/** For one search: what it holds is not asked for again. */
export class Window implements Readable {
  readonly #transport: Readable;
  readonly #bytes = Buffer.allocUnsafe(WINDOW_BYTES);
  #segment = '';
  #start = 0;
  #length = 0;

  constructor(transport: Readable) {
    this.#transport = transport;
  }

  get place(): string { return this.#transport.place; }

  async read(segment: string, offset: number, into: Buffer): Promise<number> {
    const isHeld = segment === this.#segment && offset >= this.#start && offset + into.length <= this.#start + this.#length;
    if (!isHeld) {
      this.#segment = segment;
      this.#start = offset;
      this.#length = 0;
      this.#length = await this.#transport.read(segment, offset, this.#bytes);
    }
    return this.#bytes.copy(into, 0, offset - this.#start, Math.min(this.#length, offset - this.#start + into.length));
  }
}
