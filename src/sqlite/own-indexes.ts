/** The indexes that a mirrored table has because Postgres has them. */
import { quote, reservedBecause } from './names.js';
import { isTaken } from './objects.js';
import type { Cache } from './open.js';
import { createIndexSql } from './schema.js';
import { heldColumns, type CacheIndex, type CacheTable } from './tables.js';

interface IndexInfo { readonly name: string; readonly unique: number; readonly partial: number }
interface PartInfo { readonly name: string | null; readonly desc: number; readonly coll: string }

/** Those of the table's indexes that are there and are ours: what has one's name may be an application's. */
export function presentIndexes(cache: Cache, table: CacheTable): CacheIndex[] {
  const plain = new Set(cache.prepare<[string], IndexInfo>('SELECT name, "unique", partial FROM pragma_index_list(?, \'main\')').all(table.table)
    .filter(({ unique, partial }) => unique === 0 && partial === 0).map(({ name }) => name));
  const parts = cache.prepare<[string], PartInfo>("SELECT name, \"desc\", coll FROM pragma_index_xinfo(?, 'main') WHERE key = 1 ORDER BY seqno");
  const names = new Map(heldColumns(table).map(({ attnum, as }) => [attnum, as]));
  return (table.indexes ?? []).filter(({ name, columns }) => {
    if (!plain.has(name)) return false;
    const found = parts.all(name);
    return found.length === columns.length
      && columns.every(({ attnum, descending }, i) => found[i].name === names.get(attnum) && found[i].desc === Number(descending) && found[i].coll === 'BINARY');
  });
}

/** Makes the table's indexes those that it is to have; a name that is taken is left to whoever has it. */
export function makeIndexes(cache: Cache, table: CacheTable, present: readonly CacheIndex[]): void {
  const wanted = new Map((table.indexes ?? []).map((index) => [index.name, index]));
  for (const index of present) {
    const same = wanted.get(index.name);
    if (same !== undefined && textOf(same) === textOf(index)) wanted.delete(index.name);
    else cache.exec(`DROP INDEX main.${quote(index.name)}`);
  }
  for (const index of wanted.values()) {
    if (reservedBecause(index.name) === undefined && !isTaken(cache, index.name)) cache.exec(createIndexSql(table, index));
  }
}

function textOf({ columns }: CacheIndex): string {
  return columns.map(({ attnum, descending }) => `${attnum}${descending ? ' desc' : ''}`).join();
}
