/** Asks a log's server, until it answers what was asked: the retries, and what is decided at once. */
import type { IncomingMessage } from 'node:http';
import { DeltaError } from '../../../errors.js';
import { segmentOf } from '../../file-names.js';
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
  /** What came once, by what it is. */
  readonly #given = new Set<string>();

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
      const kind = await this.#isAway(name, error);
      throw kind === undefined ? this.#explained(error, answer.statusCode) : new Failure(kind, `answers ${answer.statusCode} ${answer.statusMessage ?? ''}`.trimEnd() + (name === INDEX_NAME ? '' : ` for ${name}`), error);
    }
    if (name !== INDEX_NAME) this.#given.add(kindOf(name));
    return answer;
  }

  /** Whether what is refused or missing is waited for: a log that was there comes again, as a mount or a limit does. A single file of it has gone for good where the index, asked behind it, does not name it. */
  async #isAway(name: string, error: unknown): Promise<'cut' | 'wrong' | undefined> {
    if (!(error instanceof DeltaError) || !this.#given.has(kindOf(name))) return undefined;
    if (error.code === 'config' || name === INDEX_NAME) return 'wrong';
    const { names } = await this.#readIndex(await this.#get(INDEX_NAME, {}));
    return names.includes(name) ? 'cut' : undefined; // who removes one removes the name a moment later, which is not worth a word
  }

  /** Who is given the index has the right token: it is the file that is refused. */
  #explained(error: unknown, status: number | undefined): unknown {
    if (status !== 403 || !(error instanceof DeltaError) || !this.#given.has(kindOf(INDEX_NAME))) return error;
    return new DeltaError(error.code, error.message, { cause: error, hint: 'the index it gives: let the user of the server read this file too (chmod a+r, and the UMask of who writes it)' });
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
      this.#given.add(kindOf(INDEX_NAME));
      return { names, tag: piece.tag, isLive: answer.headers['daystream-live'] === '1' };
    } catch (error) {
      // Of a place that has given one before, it is a page of somebody else's.
      throw this.#given.has(kindOf(INDEX_NAME)) ? new Failure('wrong', 'answers something else than its index', error) : error;
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

/** Who may read one segment may read the others; a snapshot is written by somebody else, and each goes by itself. */
function kindOf(name: string): string {
  return segmentOf(name) === undefined ? name : 'segment';
}
