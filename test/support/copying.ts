/** COPY's rows into a table in memory, by one engine or the other. */
import Database from 'better-sqlite3';
import { NativeRows } from '../../src/load/native.js';
import { readRows } from '../../src/load/rows.js';
import { BulkTable } from '../../src/sqlite/bulk.js';
import { chooseEngine, loadEngine, type EngineName } from '../../src/sqlite/native.js';
import type { Cache } from '../../src/sqlite/open.js';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { valueOf, type Numeric, type Stored } from '../../src/sqlite/values.js';

const HEADER_BYTES = 5;

/** A table without a key whose columns are `c0`, `c1`, … */
function tableOf(types: readonly string[], numeric: Numeric | undefined): CacheTable {
  return {
    schema: 'public', name: 't', table: 't', oid: 1, kind: 'ordinary', identity: 'default', key: [], pattern: 't', choice: { numeric },
    columns: types.map((type, i) => ({ attnum: i + 1, name: `c${i}`, type, notNull: false })),
  };
}

/** What Postgres sends: one CopyData message a row. */
export function messagesOf(rows: readonly Buffer[]): Buffer {
  return Buffer.concat(rows.flatMap((row) => {
    const header = Buffer.alloc(HEADER_BYTES, 'd');
    header.writeUInt32BE(row.length + HEADER_BYTES - 1, 1);
    return [header, row];
  }));
}

export class Copying {
  readonly cache: Cache = new Database(':memory:');
  readonly #bulk: BulkTable;
  readonly #native: NativeRows | undefined;
  readonly #columns;
  #rows = 0;

  constructor(engine: EngineName, readonly types: readonly string[], numeric?: Numeric) {
    loadEngine(this.cache, chooseEngine(engine, () => {}));
    const table = tableOf(types, numeric);
    this.#columns = types.map((type) => valueOf(type, numeric));
    this.#bulk = new BulkTable('memory', this.cache, table);
    const native = this.#bulk.native();
    this.#native = native && new NativeRows(this.#bulk, native, this.#columns);
  }

  /** Takes rows, each with its line feed. */
  take(rows: readonly Buffer[]): void {
    if (this.#native !== undefined) {
      this.#native.take(messagesOf(rows));
    } else {
      for (const row of rows) this.#rows += readRows(row, this.#columns, this.#bulk.push.bind(this.#bulk));
      this.#bulk.flush();
    }
  }

  /** Takes messages that may end within one; gives the bytes of the whole ones. */
  takeMessages(messages: Buffer): number {
    return this.#native!.take(messages);
  }

  /** The rows it says it took. */
  get rows(): number {
    return this.#native?.rows ?? this.#rows;
  }

  /** Those that the engine took itself; 0 where it is TypeScript. */
  get nativeRows(): number {
    return this.#native?.copy.rows ?? 0;
  }

  /** Storage class and value of every column, in the order in which the rows came. */
  held(): Stored[][] {
    const read = (columns: readonly string[]) => this.cache.prepare<[], Stored[]>(`SELECT ${columns.join(', ')} FROM t ORDER BY rowid`).raw().safeIntegers().all();
    const classes = read(this.types.map((_, i) => `typeof(c${i})`));
    return read(this.types.map((_, i) => `c${i}`)).map((values, row) => values.flatMap((value, i) => [classes[row][i], value]));
  }

  close(): void {
    this.#native?.copy.close();
    this.cache.close();
  }
}
