/** What differs between the shape that the log states for a table and the one that the cache has. */
import type { Relation } from '../daystream/relation.js';
import type { CacheTable } from '../sqlite/tables.js';

/** The first difference as a reason; undefined where rows of this relation fit the cache's table. */
export function differenceOf(relation: Relation, table: CacheTable): string | undefined {
  if (relation.oid !== table.oid) return 'it was dropped and made anew';
  if (relation.key.join() !== table.key.join()) return 'its key changed';
  const before = new Map(table.columns.map((column) => [column.attnum, column]));
  for (const { attnum, name, type } of relation.columns) {
    const column = before.get(attnum);
    if (column === undefined) return `column ${name} was added`;
    if (column.name !== name) return `column ${column.name} was renamed to ${name}`;
    if (column.type !== type) return `column ${name} changed its type from ${column.type} to ${type}`;
    before.delete(attnum);
  }
  for (const { name } of before.values()) return `column ${name} was dropped`;
  return undefined;
}
