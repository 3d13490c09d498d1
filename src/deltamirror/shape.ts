/** What differs between the shape that the log states for a table and the one that the cache has. */
import type { Relation } from '../daystream/relation.js';
import { parseFilter } from '../filter/parse.js';
import type { CacheColumn, CacheTable } from '../sqlite/tables.js';
import { identityFull, TableFault } from './fault.js';

/** The fault of the first difference; undefined where rows of this relation fit the cache's table. */
export function faultOfShape(relation: Relation, table: CacheTable): TableFault | undefined {
  const reason = differenceOf(relation, table);
  if (reason === undefined) return undefined;
  const isWithoutOldRows = relation.key.length === 0 && relation.identity !== 'full';
  return new TableFault(relation, reason, isWithoutOldRows ? identityFull(relation.schema, relation.table) : undefined);
}

function differenceOf(relation: Relation, table: CacheTable): string | undefined {
  if (relation.oid !== table.oid) return 'another table has its name now: it was dropped and made anew, or renamed';
  if (relation.key.join() !== table.key.join()) return relation.key.length === 0 ? 'it has no usable key any more' : 'its key changed';
  const before = new Map(wantedColumns(table).map((column) => [column.attnum, column]));
  for (const { attnum, name, type } of relation.columns) {
    const column = before.get(attnum);
    if (column === undefined && table.choice.columns !== undefined) continue;
    if (column === undefined) return `column ${name} was added`;
    if (column.name !== name) return `column ${column.name} was renamed to ${name}`;
    if (column.type !== type) return `column ${name} changed its type from ${column.type} to ${type}`;
    before.delete(attnum);
  }
  for (const { name } of before.values()) return `column ${name} was dropped`;
  return undefined;
}

/** The table as the relation has it now, where they do not differ in what the cache wants; undefined where nothing is new. */
export function renewed(relation: Relation, table: CacheTable): CacheTable | undefined {
  const before = new Map(table.columns.map((column) => [column.attnum, column]));
  const columns = relation.columns.map(({ attnum, name, type, notNull }): CacheColumn => {
    const column = before.get(attnum);
    const as = column === undefined ? null : column.as;
    return { attnum, name, type, notNull, ...(as !== undefined && { as }) };
  });
  const isSame = relation.identity === table.identity && columns.length === table.columns.length
    && columns.every(({ attnum, name, type }) => before.get(attnum)?.name === name && before.get(attnum)?.type === type);
  return isSame ? undefined : { ...table, identity: relation.identity, columns };
}

/** Those that the cache holds, or whose values tell which rows it holds. */
function wantedColumns(table: CacheTable): readonly CacheColumn[] {
  const asked = table.choice.where === undefined ? [] : parseFilter(table.choice.where).columns;
  return table.columns.filter(({ name, as }) => as !== null || asked.includes(name));
}
