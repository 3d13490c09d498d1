/**
 * The segments of a log over the files of its folder. A segment that was compressed is read
 * as if it were plain: its offsets are those of the plain bytes, so a reader that stands in
 * it while the plain file goes away goes on at its offset. Where both are there the plain one
 * is read: it is what the compressed one was made of.
 *
 * A folder that had segments and has none any more, or is gone, is a mount that is away: who
 * follows the log waits for it, however it is reached.
 */
import { DeltaError } from '../errors.js';
import { compressedName, segmentOf } from './file-names.js';
import type { Files } from './files.js';
import { SeekableReader, type Compressed } from './seekable-reader.js';
import type { Transport } from './transport.js';
import { Retries, type Waiting } from './transports/retries.js';

/** Compressed segments whose tables and last pieces are held: the one that is read, and the one behind it that is looked at. */
const OPEN_AT_ONCE = 2;

export class Segments implements Transport {
  readonly #files: Files;
  #names: ReadonlySet<string> | undefined;
  readonly #compressed = new Map<string, SeekableReader>();
  /** What is asked of the files, one after another: a piece may be fetched ahead while its reader goes on. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #closing = new AbortController();
  /** Undefined: a folder that is not there is an error, whatever was there before. */
  readonly #retries: Retries | undefined;
  /** It had segments, and is waited for. */
  #wasThere = false;

  constructor(files: Files, waiting?: Waiting) {
    this.#files = files;
    const { signal } = this.#closing;
    this.#retries = waiting && new Retries(files.place, { ...waiting, signal: waiting.signal === undefined ? signal : AbortSignal.any([waiting.signal, signal]) });
  }

  get place(): string { return this.#files.place; }
  get patience(): number { return this.#files.patience; }

  async list(): Promise<string[]> {
    const names = await this.files();
    this.#names = new Set(names);
    return [...new Set(names.flatMap((name) => segmentOf(name) ?? []))].sort();
  }

  /** All files of the log by name, also those that are no segments. */
  async files(): Promise<string[]> {
    for (;;) {
      const found = await this.#listed();
      if (typeof found !== 'string') return found;
      await this.#retries?.failed(found, 'wrong', '');
    }
  }

  /** The names; or why the folder is taken to be away. */
  async #listed(): Promise<string[] | string> {
    try {
      const names = await this.#inTurn(() => this.#files.list());
      const isThere = names.some((name) => segmentOf(name) !== undefined);
      if (this.#wasThere && !isThere) return 'has no segments any more';
      this.#wasThere = isThere && this.#retries !== undefined;
      if (this.#wasThere) this.#retries?.progress();
      return names;
    } catch (error) {
      if (!this.#wasThere || !(error instanceof DeltaError) || error.code !== 'log-missing') throw error;
      return error.message.replace(`${this.place}: `, '');
    }
  }

  /** The bytes of one of the files as they are. */
  file(name: string): Compressed {
    return {
      place: `${this.place}/${name}`,
      read: (offset, into) => this.#inTurn(() => this.#files.read(name, offset, into)),
      size: () => this.#inTurn(() => this.#files.size(name)),
    };
  }

  read(segment: string, offset: number, into: Buffer): Promise<number> {
    return this.#eitherWay(segment, async (name) => {
      if (name === segment) return this.#inTurn(() => this.#files.read(name, offset, into));
      return (await this.#opened(segment)).read(offset, into);
    });
  }

  size(segment: string): Promise<number> {
    return this.#eitherWay(segment, async (name) => {
      const bytes = await this.#inTurn(() => this.#files.size(name));
      if (name === segment) return bytes;
      if (this.#compressed.get(segment)?.bytes !== bytes) this.#compressed.delete(segment); // another one was put in its place
      return (await this.#opened(segment)).plainBytes;
    });
  }

  changed(segment: string | undefined, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    if (segment === undefined) return this.#files.changed(undefined, timeoutMs, signal);
    return this.#eitherWay(segment, (name) => this.#files.changed(name, timeoutMs, signal));
  }

  reset(): void {
    this.#names = undefined;
    this.#compressed.clear();
    this.#files.reset();
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error(`${this.place}: was closed while it was read`));
    this.#compressed.clear();
    await this.#files.close(); // first: what is under way may wait for a place that is away
    await this.#turn;
  }

  /** Acts on the file that holds the segment; where that fails the other one may have taken its place. */
  async #eitherWay<T>(segment: string, act: (name: string) => Promise<T>): Promise<T> {
    if (this.#names === undefined) await this.list();
    try {
      return await act(this.#nameOf(segment));
    } catch (error) {
      if (!(error instanceof DeltaError) || (error.code !== 'log-missing' && error.code !== 'log-damaged')) throw error;
      this.#compressed.delete(segment);
      await this.list();
      return act(this.#nameOf(segment));
    }
  }

  #nameOf(segment: string): string {
    const compressed = compressedName(segment);
    return this.#names?.has(segment) !== true && this.#names?.has(compressed) === true ? compressed : segment;
  }

  async #opened(segment: string): Promise<SeekableReader> {
    const name = compressedName(segment);
    const reader = this.#compressed.get(segment) ?? await SeekableReader.open(this.file(name));
    this.#compressed.delete(segment);
    this.#compressed.set(segment, reader);
    for (const oldest of this.#compressed.keys()) {
      if (this.#compressed.size <= OPEN_AT_ONCE) break;
      this.#compressed.delete(oldest);
    }
    return reader;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(() => {
      this.#closing.signal.throwIfAborted();
      return work();
    });
    this.#turn = result.catch(() => {});
    return result;
  }
}
