/**
 * What one table differs in from another one in an attached file, row by row, in bounded
 * memory: by the key, or, without one, as multisets. Equal is what SQLite holds as equal,
 * which is what two caches with these rows would hold.
 */
import { quote } from './names.js';
import type { Cache } from './open.js';
import { heldColumns, keyColumns, type CacheTable } from './tables.js';
import type { Stored } from './values.js';

/** A row in the order of the new table's columns; of a `delete` by key, the key's values in key order. */
export interface Difference {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly row: readonly Stored[];
}

/** The name by which the file of the old tables is attached. */
const OLD = 'old';

/** Puts the file of the old tables beside the new ones. */
export function attachOld(cache: Cache, path: string): void {
  cache.prepare(`ATTACH ? AS ${OLD}`).run(path);
}

/** Old rows that are gone, then those that changed, then new ones. The tables have the same columns, by their names in Postgres, and the same key. */
export function* differences(cache: Cache, table: CacheTable, old: CacheTable): Generator<Difference> {
  yield* table.key.length === 0 ? byRow(cache, table, old) : byKey(cache, table, old);
}

function* byKey(cache: Cache, table: CacheTable, old: CacheTable): Generator<Difference> {
  const pairs = pairsOf(table, old);
  const key = keyColumns(table).map(({ name }) => pairs.find((pair) => pair.name === name)!);
  const isSame = key.map(({ now, before }) => `${now} = ${before}`).join(' AND ');
  const now = `main.${quote(table.table)} AS now`;
  const before = `${OLD}.${quote(old.table)} AS before`;
  const columns = pairs.map((pair) => pair.now).join(', ');
  // One comparison of rows: a chain of ORs could be too deep for SQLite.
  const differs = `(${columns}) IS NOT (${pairs.map((pair) => pair.before).join(', ')})`;
  yield* rowsOf(cache, 'delete', `SELECT ${key.map((pair) => pair.before).join(', ')} FROM ${before} WHERE NOT EXISTS (SELECT 1 FROM ${now} WHERE ${isSame})`);
  // CROSS JOIN: SQLite takes the tables in this order.
  yield* rowsOf(cache, 'update', `SELECT ${columns} FROM ${now} CROSS JOIN ${before} ON ${isSame} WHERE ${differs}`);
  yield* rowsOf(cache, 'insert', `SELECT ${columns} FROM ${now} WHERE NOT EXISTS (SELECT 1 FROM ${before} WHERE ${isSame})`);
}

function* byRow(cache: Cache, table: CacheTable, old: CacheTable): Generator<Difference> {
  const pairs = pairsOf(table, old);
  const list = (side: 'now' | 'before') => pairs.map((pair, i) => `${pair[side]} AS c${i}`).join(', ');
  const names = pairs.map((_, i) => `c${i}`).join(', ');
  const counted = (having: string) => `SELECT ${names}, sum(n) AS n FROM (
    SELECT ${list('now')}, 1 AS n FROM main.${quote(table.table)} AS now UNION ALL
    SELECT ${list('before')}, -1 FROM ${OLD}.${quote(old.table)} AS before) GROUP BY ${names} HAVING ${having}`;
  for (const [kind, having] of [['delete', 'sum(n) < 0'], ['insert', 'sum(n) > 0']] as const) {
    for (const { row } of rowsOf(cache, kind, counted(having))) {
      const times = Math.abs(Number(row.at(-1)));
      for (let i = 0; i < times; i++) yield { kind, row: row.slice(0, -1) };
    }
  }
}

function* rowsOf(cache: Cache, kind: Difference['kind'], sql: string): Generator<Difference> {
  for (const row of cache.prepare<[], Stored[]>(sql).raw().safeIntegers().iterate()) yield { kind, row };
}

/** The columns by their names in Postgres, as they are called on both sides. */
function pairsOf(table: CacheTable, old: CacheTable): { readonly name: string; readonly now: string; readonly before: string }[] {
  const held = new Map(heldColumns(old).map(({ name, as }) => [name, as]));
  return heldColumns(table).map(({ name, as }) => ({ name, now: `now.${quote(as)}`, before: `before.${quote(held.get(name)!)}` }));
}
