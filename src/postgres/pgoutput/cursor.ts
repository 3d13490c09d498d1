import { DeltaError } from '../../errors.js';

/** Between 1970 and 2000, where the protocol's clock begins. */
const EPOCH_2000_US = 946_684_800_000_000n;

/** Reads the fields of one message, one behind the other. Throws DeltaError `postgres` at its end. */
export class Cursor {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  byte(): number { return this.#bytes[this.#take(1)]; }
  uint16(): number { return this.#bytes.readUInt16BE(this.#take(2)); }
  uint32(): number { return this.#bytes.readUInt32BE(this.#take(4)); }
  int32(): number { return this.#bytes.readInt32BE(this.#take(4)); }
  lsn(): bigint { return this.#bytes.readBigUInt64BE(this.#take(8)); }

  /** Microseconds since 1970-01-01 UTC. */
  time(): bigint { return this.#bytes.readBigInt64BE(this.#take(8)) + EPOCH_2000_US; }

  /** Text up to the byte 0. */
  text(): string {
    const start = this.#at;
    const zero = this.#bytes.indexOf(0, start);
    if (zero === -1) throw tooShort();
    this.#take(zero + 1 - start);
    return this.#bytes.toString('utf8', start, zero);
  }

  /** So many bytes, in the message's own memory. */
  bytes(length: number): Buffer {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  #take(length: number): number {
    const start = this.#at;
    if (start + length > this.#end) throw tooShort();
    this.#at = start + length;
    return start;
  }
}

function tooShort(): DeltaError {
  return new DeltaError('postgres', 'pgoutput: a message is shorter than what it says it holds');
}
