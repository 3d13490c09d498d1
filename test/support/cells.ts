import { quote } from '../../src/sqlite/names.js';
import { openReader } from '../../src/sqlite/open.js';

/** Every value of a cache's table with its storage class, as SQLite itself writes it; in an order of its own. */
export function cellsOf(cachePath: string, table: string): string[] {
  const cache = openReader(cachePath);
  try {
    const columns = cache.prepare<[string], { name: string }>('SELECT name FROM pragma_table_info(?)').all(table);
    const cells = columns.flatMap(({ name }) => [`typeof(${quote(name)})`, `quote(${quote(name)})`]).join();
    return cache.prepare<[], string[]>(`SELECT ${cells} FROM ${quote(table)}`).raw().all().map((row) => row.join('|')).sort();
  } finally {
    cache.close();
  }
}
