import { quote } from './names.js';
import { heldColumns, type CacheTable } from './tables.js';

/** INSERT of `rows` rows at once, every held column in attnum order. */
export function insertSql(table: CacheTable, rows = 1): string {
  const held = heldColumns(table);
  const columns = held.map(({ as }) => quote(as)).join(', ');
  const row = `(${held.map(() => '?').join(', ')})`;
  return `INSERT INTO ${quote(table.table)} (${columns}) VALUES ${Array(rows).fill(row).join(', ')}`;
}
