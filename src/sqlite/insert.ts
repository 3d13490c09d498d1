import { quote } from './names.js';
import type { CacheTable } from './tables.js';

/** INSERT of `rows` rows at once, every column in attnum order. */
export function insertSql(table: CacheTable, rows = 1): string {
  const columns = table.columns.map(({ name }) => quote(name)).join(', ');
  const row = `(${table.columns.map(() => '?').join(', ')})`;
  return `INSERT INTO ${quote(table.table)} (${columns}) VALUES ${Array(rows).fill(row).join(', ')}`;
}
