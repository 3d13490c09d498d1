/** COPY's messages into a table by the native engine (native/copy.c). */
import { insertFromSql } from './insert.js';
import { nativeKind } from './native-kinds.js';
import { hasNative } from './native.js';
import { guarded, type Cache, type Statement } from './open.js';
import { wantsRowIndex } from './row-index.js';
import { heldColumns, type CacheTable } from './tables.js';

/** Messages of more bytes than this are not handed over: SQLite holds no BLOB of any size, and it takes a copy. */
const LIMIT_BYTES = 1 << 28;

export class NativeCopy {
  readonly #id: unknown;
  readonly #copy: Statement;
  readonly #copied: Statement;

  /** Undefined where TypeScript takes the rows: the engine is not there, has no conversion for a column, or rows get hashes. */
  static open(path: string, cache: Cache, table: CacheTable): NativeCopy | undefined {
    const kinds = heldColumns(table).map(({ type, numeric }) => nativeKind(type, numeric)).join('');
    if (!hasNative(cache) || kinds.includes('o') || wantsRowIndex(table)) return undefined;
    return new NativeCopy(path, cache, insertFromSql(table, '_daystream_incoming'), kinds);
  }

  private constructor(readonly path: string, readonly cache: Cache, sql: string, kinds: string) {
    this.#id = cache.prepare('SELECT deltamirror_copy_open(?, ?)').pluck().get(sql, kinds);
    this.#copy = cache.prepare('SELECT deltamirror_copy(?, ?)').pluck();
    this.#copied = cache.prepare('SELECT deltamirror_copied(?)').pluck();
  }

  /** Inserts the rows of the messages up to one that is TypeScript's, or is not whole; gives the bytes it took. Throws DeltaError. */
  take(messages: Buffer): number {
    if (messages.length > LIMIT_BYTES) return 0;
    return guarded(this.path, () => this.#copy.get(this.#id, messages)) as number;
  }

  /** The rows that it has inserted. */
  get rows(): number {
    return this.#copied.get(this.#id) as number;
  }

  close(): void {
    this.cache.prepare('SELECT deltamirror_copy_close(?)').get(this.#id);
  }
}
