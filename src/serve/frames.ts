/**
 * Pieces of a segment as they go on the wire: a chunk of HTTP around the bytes (RFC 9112 §7.1).
 * One read makes a buffer that is given to every reader who stands at its start.
 */
import type { FileHandle } from 'node:fs/promises';

/** Bytes of the file in a frame, at most. Frames end at multiples of it, so that readers who lag come to share them. */
export const FRAME_BYTES = 64 << 10;
/** Frames that are kept for readers a little behind. */
const KEPT = 32;

const DIGITS = 6;
const HEAD_BYTES = DIGITS + 2;
const CRLF = Buffer.from('\r\n');

export interface Frame {
  readonly start: number;
  readonly end: number;
  /** The chunk, its size and line ends included. */
  readonly bytes: Buffer;
}

export class Frames {
  readonly #kept = new Map<number, Promise<Frame | undefined>>();

  constructor(private readonly handle: FileHandle) {}

  /** The frame that begins at `start` and ends at `limit` at the latest; undefined where the file ends before. */
  at(start: number, limit: number): Promise<Frame | undefined> {
    const kept = this.#kept.get(start);
    if (kept !== undefined) return kept;
    const made = this.#read(start, Math.min(limit, (Math.floor(start / FRAME_BYTES) + 1) * FRAME_BYTES));
    if (this.#kept.size === KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(start, made);
    return made;
  }

  /** What was read before is not given to who asks from now on: it may have been cut and written anew since. */
  forget(): void {
    this.#kept.clear();
  }

  async #read(start: number, end: number): Promise<Frame | undefined> {
    const buffer = Buffer.allocUnsafe(HEAD_BYTES + (end - start) + CRLF.length);
    const { bytesRead } = await this.handle.read(buffer, HEAD_BYTES, end - start, start);
    if (bytesRead === 0) return undefined;
    buffer.write(bytesRead.toString(16).padStart(DIGITS, '0'), 0, 'latin1');
    CRLF.copy(buffer, DIGITS);
    CRLF.copy(buffer, HEAD_BYTES + bytesRead);
    return { start, end: start + bytesRead, bytes: buffer.subarray(0, HEAD_BYTES + bytesRead + CRLF.length) };
  }
}
