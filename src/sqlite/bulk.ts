/**
 * Filling a file that nobody else sees yet: no journal, no syncs, exclusive. What is
 * half done is worth nothing, so a crash costs nothing.
 */
import Database from 'better-sqlite3';
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { insertSql } from './insert.js';
import { NativeCopy } from './native-copy.js';
import { guarded, type Cache } from './open.js';
import { createOwnTables } from './own.js';
import { createHashes, indexHashes, RowHasher, rowIndexName, wantsRowIndex } from './row-index.js';
import { createIndexSql, createTableSql } from './schema.js';
import { ANALYSIS_LIMIT_ROWS } from './statistics.js';
import { heldColumns, type CacheIndex, type CacheTable } from './tables.js';
import type { Bindable } from './values.js';

const PAGE_CACHE_KIB = 64 * 1024;
const SORTER_THREADS = 2;
/** Rows a statement. Measured on 12 columns: 1 row 327 k/s, 8 rows 470 k/s, 32 rows 483 k/s, 100 rows 474 k/s. */
const ROWS_AT_ONCE = 32;
const VARIABLE_LIMIT = 32_766;

/** A new file with the cache's own tables, empty, in one open transaction. */
export function createBulk(path: string): Cache {
  return guarded(path, () => {
    const cache = new Database(path);
    cache.pragma('journal_mode = OFF');
    cache.pragma('synchronous = OFF');
    cache.pragma('main.locking_mode = EXCLUSIVE'); // not of a file that is attached to be read
    cache.pragma(`cache_size = -${PAGE_CACHE_KIB}`);
    cache.pragma(`threads = ${SORTER_THREADS}`);
    cache.exec('BEGIN');
    createOwnTables(cache);
    return cache;
  });
}

/** Commits, gathers statistics, turns WAL on for whoever opens the file next, closes and syncs it. */
export function finishBulk(path: string, cache: Cache): void {
  guarded(path, () => {
    cache.exec('COMMIT');
    cache.pragma(`analysis_limit = ${ANALYSIS_LIMIT_ROWS}`);
    cache.exec('ANALYZE main');
    cache.pragma('main.locking_mode = NORMAL');
    cache.pragma('main.journal_mode = WAL');
    cache.close();
  });
  syncFile(path);
}

export function syncFile(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Takes the rows of one table, value by value in the order of its held columns. */
export class BulkTable {
  readonly #path: string;
  readonly #cache: Cache;
  readonly #table: CacheTable;
  readonly #width: number;
  readonly #many: Database.Statement<unknown[]>;
  readonly #one: Database.Statement<unknown[]>;
  readonly #values: (Bindable | null)[];
  readonly #hashes: BulkHashes | undefined;
  #filled = 0;

  constructor(path: string, cache: Cache, table: CacheTable) {
    this.#path = path;
    this.#cache = cache;
    this.#table = table;
    this.#width = heldColumns(table).length;
    const rows = Math.min(ROWS_AT_ONCE, Math.floor(VARIABLE_LIMIT / this.#width));
    guarded(path, () => cache.exec(createTableSql(table)));
    this.#many = cache.prepare(insertSql(table, rows));
    this.#one = cache.prepare(insertSql(table));
    this.#values = Array<Bindable | null>(rows * this.#width).fill(null);
    this.#hashes = wantsRowIndex(table) ? new BulkHashes(cache, table) : undefined;
  }

  /** What takes COPY's messages instead of `push`; undefined where TypeScript takes the rows. */
  native(): NativeCopy | undefined {
    return NativeCopy.open(this.#path, this.#cache, this.#table);
  }

  push(value: Bindable | null): void {
    this.#values[this.#filled++] = value;
    if (this.#filled === this.#values.length) {
      this.#filled = 0;
      guarded(this.#path, () => this.#many.run(this.#values));
      this.#hashes?.add(this.#values, this.#width);
    }
  }

  /** Writes the rows that wait for others: at the end, and where they are large. */
  flush(): void {
    const rest = this.#values.slice(0, this.#filled);
    guarded(this.#path, () => {
      for (let at = 0; at < rest.length; at += this.#width) this.#one.run(rest.slice(at, at + this.#width));
    });
    this.#hashes?.add(rest, this.#width);
    this.#filled = 0;
    this.#values.fill(null);
  }

  createIndex(index: CacheIndex): void {
    guarded(this.#path, () => this.#cache.exec(createIndexSql(this.#table, index)));
  }

  /** When the last row is in. */
  finish(): void {
    this.flush();
    if (this.#hashes !== undefined) guarded(this.#path, () => indexHashes(this.#cache, this.#table));
  }
}

/** The hashes of rows in the order in which they are inserted: their row ids count from 1. */
class BulkHashes {
  readonly #hasher: RowHasher;
  readonly #insert: Database.Statement<unknown[]>;
  #row = 0;

  constructor(cache: Cache, table: CacheTable) {
    createHashes(cache, table);
    this.#hasher = new RowHasher(table);
    this.#insert = cache.prepare(`INSERT INTO ${rowIndexName(table)} (row, hash) VALUES (?, ?)`);
  }

  /** `values` are those of whole rows, one behind the other. */
  add(values: readonly (Bindable | null)[], width: number): void {
    for (let at = 0; at < values.length; at += width) this.#insert.run(++this.#row, this.#hasher.hash(values.slice(at, at + width)));
  }
}
