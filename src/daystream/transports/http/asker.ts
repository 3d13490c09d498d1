/** Asks a log's server, until it answers what was asked: the retries, and what is decided at once. */
import type { IncomingMessage } from 'node:http';
import { DeltaError } from '../../../errors.js';
import { INDEX_NAME, parseIndex } from '../../index-file.js';
import { Retries, type Waiting } from '../retries.js';
import { encodingOf, pieceOf, requireSuccess, type Asked, type NoPiece, type Piece } from './answer.js';
import { Body } from './body.js';
import { Client } from './client.js';
import { Failure, networkFailure } from './failure.js';

const STALL_MS = 30_000;
const INDEX_BYTES = 64 << 20;

export interface HttpOptions extends Waiting {
  readonly token?: string;
  /** Milliseconds without a byte where one is due, after which a connection is taken for dead. */
  readonly stallMs?: number;
}

export interface Index {
  readonly names: readonly string[];
  readonly tag: string | undefined;
  /** The server pushes what is new. */
  readonly isLive: boolean;
}

export class Asker {
  readonly #place: string;
  readonly #client: Client;
  readonly #retries: Retries;
  readonly #stallMs: number;
  /** False where a proxy compresses ranges: what it makes of them cannot be unpacked. */
  #asksRanges = true;
  #hasIndex = false;

  constructor(place: string, base: URL, options: HttpOptions) {
    this.#place = place;
    this.#stallMs = options.stallMs ?? STALL_MS;
    this.#client = new Client(base, { token: options.token, signal: options.signal, stallMs: this.#stallMs });
    this.#retries = new Retries(place, options);
  }

  /** Bytes of a file; undefined where it is still the version that `tag` names. */
  piece(asked: Asked, tag?: string): Promise<Piece | NoPiece | undefined> {
    return this.#trying(async () => {
      const { name, first, last } = asked;
      const range: Record<string, string> = this.#asksRanges ? { Range: `bytes=${first}-${last ?? ''}` } : {};
      const answer = await this.#get(name, tag === undefined ? range : { ...range, 'If-None-Match': tag });
      if (answer.statusCode === 206 && encodingOf(answer, name) !== undefined) this.#asksRanges = false;
      if (answer.statusCode !== 304) return pieceOf(answer, asked, this.#stallMs);
      answer.resume();
      if (tag === undefined) throw new Failure('wrong', 'answers that nothing is new, which nobody asked');
      this.#retries.progress();
      return undefined;
    });
  }

  /** The index; undefined where it is still the version that `tag` names. */
  index(tag: string | undefined): Promise<Index | undefined> {
    return this.#trying(async () => {
      const answer = await this.#get(INDEX_NAME, tag === undefined ? {} : { 'If-None-Match': tag });
      const isSame = answer.statusCode === 304 && tag !== undefined;
      if (isSame) answer.resume();
      const index = isSame ? undefined : await this.#readIndex(answer);
      this.#retries.progress();
      return index;
    });
  }

  /**
   * What the server pushes of a segment from an offset on. `shorter` where it has fewer bytes, `refused` where it
   * does not push, `silent` where no answer came: that is not asked again, since ranges may be answered.
   */
  async live(name: string, from: number): Promise<Body | 'shorter' | 'refused' | 'silent'> {
    const answer = await this.#client.get(`${name}?live`, { Range: `bytes=${from}-` }).catch((error: unknown) => {
      if (error instanceof Failure) return undefined;
      throw error;
    });
    if (answer === undefined) return 'silent';
    if (answer.statusCode === 200 && answer.headers['daystream-offset'] === String(from)) return new Body(answer, undefined, this.#stallMs);
    answer.on('error', () => {}).destroy();
    const { statusCode = 0 } = answer;
    if (statusCode === 416) return 'shorter';
    return statusCode >= 500 || statusCode === 404 || statusCode === 410 ? 'silent' : 'refused';
  }

  /** An answer's bytes came to an early end. Waits before they are asked for again. */
  async failed(thrown: unknown): Promise<void> {
    if (thrown instanceof DeltaError) throw thrown;
    const { message, kind, hint = "is it the URL of a log's folder, and is its server running?" } = networkFailure('cut', thrown);
    await this.#retries.failed(message, kind, hint);
  }

  /** Bytes came. */
  progress(): void { this.#retries.progress(); }

  /** Lets go of every connection. */
  close(): void { this.#client.close(); }

  async #get(name: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const answer = await this.#client.get(name, headers);
    try {
      requireSuccess(answer, this.#place, name);
    } catch (error) {
      // A log that was there comes again, as a mount or a limit does; a single file of it may have gone for good.
      const isAway = this.#hasIndex && error instanceof DeltaError && (error.code === 'config' || name === INDEX_NAME);
      throw isAway ? new Failure('wrong', `answers ${answer.statusCode} ${answer.statusMessage ?? ''}`.trimEnd(), error) : error;
    }
    return answer;
  }

  async #readIndex(answer: IncomingMessage): Promise<Index> {
    const piece = pieceOf(answer, { name: INDEX_NAME, first: 0, last: undefined }, this.#stallMs);
    if (piece.body === undefined || answer.statusCode !== 200) {
      piece.body?.close();
      throw new Failure('wrong', `answers ${answer.statusCode}`);
    }
    const bytes = await piece.body.all(INDEX_BYTES);
    try {
      const names = parseIndex(this.#place, bytes.toString()).map(({ name }) => name);
      this.#hasIndex = true;
      return { names, tag: piece.tag, isLive: answer.headers['daystream-live'] === '1' };
    } catch (error) {
      // Of a place that has given one before, it is a page of somebody else's.
      throw this.#hasIndex ? new Failure('wrong', 'answers something else than its index', error) : error;
    }
  }

  async #trying<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        await this.failed(error);
      }
    }
  }
}
