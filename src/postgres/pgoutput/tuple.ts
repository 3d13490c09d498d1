import { DeltaError } from '../../errors.js';

const NULL = 0x6e; // n
const UNCHANGED = 0x75; // u
const TEXT = 0x74; // t

/** Instead of a length: the value is NULL, or one that an update left where it was and the WAL does not have. */
export const IS_NULL = -1;
export const IS_UNCHANGED = -2;

/** Where the values of one row lie in a message. Made once and filled for each row: nothing is allocated on the way. */
export class Tuple {
  bytes: Buffer = Buffer.alloc(0);
  count = 0;
  /** Offset of each value's text in `bytes`. */
  starts = new Int32Array(64);
  /** Bytes of each value's text, or IS_NULL, or IS_UNCHANGED. */
  lengths = new Int32Array(64);

  /** Reads the row at an offset; gives the offset behind it. Throws DeltaError `postgres`. */
  read(bytes: Buffer, offset: number, end: number): number {
    const count = (bytes[offset] << 8) | bytes[offset + 1];
    if (count > this.starts.length) this.#grow(count);
    const { starts, lengths } = this;
    let at = offset + 2;
    for (let i = 0; i < count; i++) {
      const kind = bytes[at++];
      if (kind === TEXT) {
        const length = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
        starts[i] = at + 4;
        lengths[i] = length;
        at += 4 + length;
      } else if (kind === NULL) lengths[i] = IS_NULL;
      else if (kind === UNCHANGED) lengths[i] = IS_UNCHANGED;
      else throw unknown(kind);
    }
    if (!(at <= end)) throw new DeltaError('postgres', 'pgoutput: a row is longer than its message');
    this.bytes = bytes;
    this.count = count;
    return at;
  }

  #grow(count: number): void {
    this.starts = new Int32Array(count);
    this.lengths = new Int32Array(count);
  }
}

/** True where both hold the same text at a column. Neither is NULL or unchanged. */
export function isSameText(a: Tuple, b: Tuple, column: number): boolean {
  const length = a.lengths[column];
  if (length !== b.lengths[column]) return false;
  const [first, second] = [a.starts[column], b.starts[column]];
  return a.bytes.compare(b.bytes, second, second + length, first, first + length) === 0;
}

function unknown(kind: number | undefined): DeltaError {
  return new DeltaError('postgres', kind === undefined ? 'pgoutput: a row is longer than its message' : `pgoutput: a value of unknown kind ${kind}`);
}
