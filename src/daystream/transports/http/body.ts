/** The bytes of an answer, taken as fast as they are wanted: a slow reader slows the sender, and no buffer grows. */
import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createUnzip } from 'node:zlib';
import { Failure, networkFailure } from './failure.js';

export class Body {
  readonly #message: IncomingMessage;
  readonly #bytes: AsyncIterator<Buffer>;
  readonly #stallMs: number;

  /** `encoding`: what a proxy has put the bytes in. */
  constructor(message: IncomingMessage, encoding: string | undefined, stallMs: number) {
    this.#message = message;
    this.#bytes = (encoding === undefined ? message : decoded(message, encoding))[Symbol.asyncIterator]();
    this.#stallMs = stallMs;
  }

  /** The next bytes; undefined behind the last. Throws Failure where they do not come. */
  async next(): Promise<Buffer | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const stalled = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Failure('wrong', `nothing came for ${this.#stallMs / 1000} s`)), this.#stallMs);
    });
    try {
      const { done, value } = await Promise.race([this.#bytes.next(), stalled]);
      return done === true ? undefined : value;
    } catch (error) {
      this.close();
      throw networkFailure('cut', error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** All of them; no more than `limit`. */
  async all(limit: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let bytes = 0;
    for (let part = await this.next(); part !== undefined; part = await this.next()) {
      bytes += part.length;
      if (bytes > limit) {
        this.close();
        throw new Failure('wrong', `answers with more than ${limit} bytes`);
      }
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  close(): void {
    this.#message.on('error', () => {}).destroy();
  }
}

function decoded(message: IncomingMessage, encoding: string): Readable {
  if (!/^(?:x-)?gzip$|^deflate$|^br$/.test(encoding)) throw new Failure('wrong', `answers in the encoding ${encoding}`);
  return pipeline(message, encoding === 'br' ? createBrotliDecompress() : createUnzip(), () => {}); // an error reaches whoever reads
}
