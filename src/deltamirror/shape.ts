/**
 * What becomes of a table of the cache when the log states another shape of it. Columns
 * are told by their attribute number, the table by its oid, so a rename is a rename.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Relation, RelationComments, RelationIndex } from '../daystream/relation.js';
import { written } from '../daystream/pattern.js';
import { bindFilter } from '../filter/bind.js';
import { parseFilter } from '../filter/parse.js';
import { DeltaError, reasonOf } from '../errors.js';
import { renameColumns } from '../filter/rename.js';
import { cacheName, isGivenName } from '../sqlite/names.js';
import type { ChosenPattern } from '../sqlite/patterns.js';
import { requireHoldable } from '../sqlite/schema.js';
import { heldColumns, type CacheColumn, type CacheComments, type CacheIndex, type CacheTable, type TableChoice } from '../sqlite/tables.js';
import { TableFault } from './fault.js';

/** A table that the cache does not have yet: all of it, or what was chosen of the one that had its name. Throws TableFault where that choice cannot be met. */
export function newTable(relation: Relation, { pattern, numeric, keeps }: ChosenPattern): CacheTable {
  const { schema, table, oid, kind, identity, key } = relation;
  const whole: CacheTable = {
    schema, name: table, table: keeps?.table ?? cacheName(schema, table), oid, kind, identity, key,
    columns: relation.columns.map(bare),
    pattern: pattern.text,
    choice: keeps?.choice ?? (numeric === undefined ? {} : { numeric }),
    indexes: [],
    comments: {},
  };
  if (keeps === undefined) return whole;
  const list = keeps.choice.columns?.filter((name) => whole.columns.some((column) => column.name === name));
  const columns = whole.columns.map((column): CacheColumn => {
    const as = list === undefined || list.includes(column.name) || key.includes(column.attnum) ? keeps.columns[column.name] : null;
    return as === undefined ? column : { ...column, as };
  });
  const chosen = { ...whole, columns, choice: list === undefined ? keeps.choice : { ...keeps.choice, columns: list } };
  requireFilter(chosen);
  return chosen;
}

/** The table as the relation states it, by the host's choice; the same object where nothing differs. Throws TableFault where the choice no longer can be met. */
export function reshaped(before: CacheTable, relation: Relation): CacheTable {
  const choice = choiceFor(before, relation);
  const columns = relation.columns.map((column) => chosenColumn(before, relation, bare(column)));
  const held = new Set(columns.flatMap(({ attnum, as }) => (as === null ? [] : [attnum])));
  const present = new Set(['0', ...columns.map(({ attnum }) => String(attnum))]);
  const after: CacheTable = {
    ...before,
    schema: relation.schema,
    name: relation.table,
    table: renamedTo(before, relation.schema, relation.table),
    kind: relation.kind,
    identity: relation.identity,
    key: relation.key,
    columns,
    choice,
    // Postgres drops an index with its column, and moves it with its table.
    indexes: (before.indexes ?? []).filter((index) => index.columns.every(({ attnum }) => held.has(attnum))).map((index) => moved(index, before.schema, relation.schema)),
    comments: Object.fromEntries(Object.entries(before.comments ?? {}).filter(([attnum]) => present.has(attnum))),
  };
  requireFilter(after);
  return isDeepStrictEqual(after, { ...before, indexes: before.indexes ?? [], comments: before.comments ?? {} }) ? before : after;
}

/** A table's name in the cache when it is called otherwise in Postgres: its own, or the one that the user gave it. */
export function renamedTo(table: CacheTable, toSchema: string, toName: string): string {
  return isGivenName(table) ? table.table : cacheName(toSchema, toName);
}

/** The indexes that the log states, as far as the cache holds their columns. */
export function chosenIndexes(table: CacheTable, indexes: readonly RelationIndex[]): CacheIndex[] {
  const held = new Set(heldColumns(table).map(({ attnum }) => attnum));
  return indexes.filter(({ columns }) => columns.every(({ attnum }) => held.has(attnum))).map(({ name, columns }) => ({ name: cacheName(table.schema, name), columns }));
}

/** The comments that the log states. */
export function chosenComments(table: CacheTable, said: RelationComments): CacheComments {
  const columns = table.columns.flatMap(({ attnum, name }) => (said.columns.has(name) ? [[attnum, said.columns.get(name)!] as const] : []));
  return Object.fromEntries([...(said.table === undefined ? [] : [[0, said.table] as const]), ...columns]);
}

export function placeOf({ schema, name }: Pick<CacheTable, 'schema' | 'name'>): string {
  return `${schema}.${name}`;
}

/** Throws TableFault where SQLite cannot have such a table, or such columns side by side. */
export function requireNames(table: CacheTable): void {
  try {
    requireHoldable([table]);
  } catch (error) {
    if (error instanceof DeltaError) throw new TableFault(table, error.message, error.hint);
    throw error;
  }
}

function bare({ attnum, name, type, notNull }: CacheColumn): CacheColumn {
  return { attnum, name, type, notNull };
}

/** A column that comes later is held unless columns were chosen one by one; what the key needs is held always. */
function chosenColumn(before: CacheTable, relation: Relation, column: CacheColumn): CacheColumn {
  const old = before.columns.find(({ attnum }) => attnum === column.attnum);
  if (old?.as === null && relation.key.includes(column.attnum)) return column;
  const as = old === undefined && before.choice.columns !== undefined && !relation.key.includes(column.attnum) ? null : old?.as;
  return as === undefined ? column : { ...column, as };
}

/** What was chosen by name follows the names. */
function choiceFor(before: CacheTable, relation: Relation): TableChoice {
  const { columns, where } = before.choice;
  if (columns === undefined && where === undefined) return before.choice;
  const now = new Map(relation.columns.map(({ attnum, name }) => [attnum, name]));
  const names = new Map(before.columns.map(({ attnum, name }) => [name, now.get(attnum)]));
  const gone = where === undefined ? [] : parseFilter(where).columns.filter((name) => names.get(name) === undefined);
  if (gone.length > 0) {
    throw new TableFault(before, `its --where asks for ${gone.join(', ')}, which it no longer has`, `give it another --where '${written(relation.schema, relation.table)}: …'`);
  }
  const renamed = new Map([...names].flatMap(([name, to]) => (to === undefined ? [] : [[name, to] as const])));
  return {
    ...before.choice,
    ...(columns !== undefined && { columns: columns.flatMap((name) => renamed.get(name) ?? []) }),
    ...(where !== undefined && { where: renameColumns(where, renamed) }),
  };
}

/** The filter has to mean something with the columns as they are now. */
function requireFilter(table: CacheTable): void {
  const { where } = table.choice;
  if (where === undefined) return;
  try {
    bindFilter(parseFilter(where), table.columns);
  } catch (error) {
    throw new TableFault(table, reasonOf(error), `give it another --where '${written(table.schema, table.name)}: …'`);
  }
}

/** An index of a table that is in another schema now. */
export function moved(index: CacheIndex, from: string, to: string): CacheIndex {
  if (from === to) return index;
  const prefix = cacheName(from, '');
  return index.name.startsWith(prefix) ? { ...index, name: cacheName(to, index.name.slice(prefix.length)) } : index;
}
