import { quote } from './names.js';
import { heldColumns, type CacheTable } from './tables.js';

/** INSERT of `rows` rows at once, every held column in attnum order. */
export function insertSql(table: CacheTable, rows = 1): string {
  const held = heldColumns(table);
  const columns = held.map(({ as }) => quote(as)).join(', ');
  const row = `(${held.map(() => '?').join(', ')})`;
  return `INSERT INTO ${quote(table.table)} (${columns}) VALUES ${Array(rows).fill(row).join(', ')}`;
}

/** INSERT of all rows of another table, its columns `c0`, `c1` and so on in the order of the held ones. What is before a row that is refused stays. */
export function insertFromSql(table: CacheTable, source: string): string {
  const held = heldColumns(table);
  return `INSERT OR FAIL INTO ${quote(table.table)} (${held.map(({ as }) => quote(as)).join(', ')}) SELECT ${held.map((_, i) => `c${i}`).join(', ')} FROM ${source}`;
}
