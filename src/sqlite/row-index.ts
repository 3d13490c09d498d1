/**
 * Finding the rows of a table without a key. There an update or delete names the whole
 * old row, and a search of the table would take the longer the larger it is. So beside
 * such a table stands another: for each row id the hash of its row, with an index. What
 * has the right hash is then compared value by value: two rows of one hash cost time,
 * never a wrong row.
 */
import { crc32 } from 'node:zlib';
import { quote } from './names.js';
import type { Cache, Statement } from './open.js';
import { areEqual, rowid } from './rows.js';
import { heldColumns, type CacheTable } from './tables.js';
import { affinityOf, type Stored } from './values.js';

const ROWS_AT_ONCE = 1000;
const LOWEST_ROWID = -(2n ** 63n);

/**
 * The hash of a row: CRC-32 over its integers and texts as text, a tab between two, then
 * over each BLOB, then over its REALs as little-endian doubles. NULL is the empty text,
 * and 0 among the REALs.
 */
export class RowHasher {
  readonly #texts: readonly number[];
  readonly #blobs: readonly number[];
  readonly #reals: readonly number[];
  readonly #doubles: DataView;

  constructor(table: CacheTable) {
    const affinities = heldColumns(table).map(({ type, numeric }) => affinityOf(type, numeric));
    const those = (accepts: (affinity: string) => boolean) => affinities.flatMap((affinity, i) => (accepts(affinity) ? [i] : []));
    this.#texts = those((affinity) => affinity === 'INTEGER' || affinity === 'TEXT');
    this.#blobs = those((affinity) => affinity === 'BLOB');
    this.#reals = those((affinity) => affinity === 'REAL');
    this.#doubles = new DataView(new ArrayBuffer(this.#reals.length * Float64Array.BYTES_PER_ELEMENT));
  }

  /** `values`: what is bound to a statement or read from the table, in the order of the held columns. */
  hash(values: readonly Stored[]): number {
    const allText = this.#texts.length === values.length;
    let hash = crc32((allText ? values : this.#texts.map((i) => values[i])).join('\t'));
    for (const i of this.#blobs) {
      const blob = values[i];
      // Of an empty buffer Node's crc32 gives the seed or 0, as its memory happens to lie.
      if (Buffer.isBuffer(blob) && blob.length > 0) hash = crc32(blob, hash);
    }
    if (this.#reals.length === 0) return hash;
    // A REAL column holds -0 as 0; a text there (NaN) is any number, so it is 0 too.
    this.#reals.forEach((column, i) => this.#doubles.setFloat64(i * Float64Array.BYTES_PER_ELEMENT, typeof values[column] === 'number' ? values[column] + 0 : 0, true));
    return crc32(new Uint8Array(this.#doubles.buffer), hash);
  }
}

/** Whether rows of this table are found by their hash: the log names whole old rows. */
export function wantsRowIndex(table: CacheTable): boolean {
  return table.key.length === 0 && table.identity === 'full';
}

/** Whether the cache has hashes of this table's rows: then they are kept, though the identity is another meanwhile, as a partitioned table's own is between those of its partitions. */
export function hasRowIndex(cache: Cache, table: CacheTable): boolean {
  return cache.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(rowIndexName(table)) !== undefined;
}

export function rowIndexName(table: CacheTable): string {
  return `_daystream_rows_${table.oid}`;
}

/** The table of hashes, still without its index: faster to fill. */
export function createHashes(cache: Cache, table: CacheTable): void {
  cache.exec(`CREATE TABLE ${rowIndexName(table)} (row INTEGER PRIMARY KEY, hash INTEGER NOT NULL)`);
}

export function indexHashes(cache: Cache, table: CacheTable): void {
  cache.exec(`CREATE INDEX ${rowIndexName(table)}_hash ON ${rowIndexName(table)} (hash)`);
}

/** Makes the hashes of rows that are there already. In batches, since a connection that reads a statement's rows cannot write between them. */
export function createRowIndex(cache: Cache, table: CacheTable): void {
  createHashes(cache, table);
  const hasher = new RowHasher(table);
  const id = rowid(table);
  const columns = heldColumns(table).map(({ as }) => quote(as)).join(', ');
  const batch = cache.prepare<[bigint], Stored[]>(`SELECT ${columns}, ${id} FROM ${quote(table.table)} WHERE ${id} > ? ORDER BY ${id} LIMIT ${ROWS_AT_ONCE}`).raw().safeIntegers();
  const add = cache.prepare(`INSERT INTO ${rowIndexName(table)} (hash, row) VALUES (?, ?)`);
  for (let last = LOWEST_ROWID; ;) {
    const rows = batch.all(last);
    for (const row of rows) {
      last = row.pop() as bigint;
      add.run(hasher.hash(row), last);
    }
    if (rows.length < ROWS_AT_ONCE) break;
  }
  indexHashes(cache, table);
}

/** The rows of a table without a key, by their values. */
export class RowIndex {
  readonly #hasher: RowHasher;
  readonly #find: Statement;
  readonly #add: Statement;
  readonly #move: Statement;
  readonly #remove: Statement;
  readonly #clear: Statement;

  constructor(cache: Cache, table: CacheTable) {
    const name = rowIndexName(table);
    // Its replica identity became FULL after the import.
    if (!hasRowIndex(cache, table)) createRowIndex(cache, table);
    this.#hasher = new RowHasher(table);
    // CROSS JOIN: SQLite takes the tables in this order, the hash first.
    this.#find = cache.prepare(`SELECT held.${rowid(table)} AS row FROM ${name} AS hashed CROSS JOIN ${quote(table.table)} AS held ON held.${rowid(table)} = hashed.row WHERE hashed.hash = ? AND ${areEqual(heldColumns(table).map(({ as }) => as), 'held.')} LIMIT 1`);
    this.#add = cache.prepare(`INSERT INTO ${name} (row, hash) VALUES (?, ?)`);
    this.#move = cache.prepare(`UPDATE ${name} SET hash = ? WHERE row = ?`);
    this.#remove = cache.prepare(`DELETE FROM ${name} WHERE row = ?`);
    this.#clear = cache.prepare(`DELETE FROM ${name}`);
  }

  /** The row id of one of the rows that hold these values; undefined where there is none. */
  find(values: readonly Stored[]): number | undefined {
    const found = this.#find.get([this.#hasher.hash(values), ...values]) as { row: number } | undefined;
    return found?.row;
  }

  add(row: number | bigint, values: readonly Stored[]): void { this.#add.run(row, this.#hasher.hash(values)); }
  move(row: number, values: readonly Stored[]): void { this.#move.run(this.#hasher.hash(values), row); }
  remove(row: number): void { this.#remove.run(row); }
  clear(): void { this.#clear.run(); }
}
