/** What becomes of tables of Postgres in the cache. */
import { written } from '../daystream/pattern.js';
import type { Relation } from '../daystream/relation.js';
import { bindFilter } from '../filter/bind.js';
import { parseFilter } from '../filter/parse.js';
import type { LeftOut, Load } from '../load/load.js';
import type { SourceTable } from '../postgres/catalog.js';
import { cacheName, folded, isGivenName, reservedBecause, tableKey } from '../sqlite/names.js';
import { heldColumns, type CacheColumn, type CacheIndex, type CacheTable } from '../sqlite/tables.js';
import { wishesOf, type Asked, type Wish } from './asked.js';

/** A table of Postgres and what becomes of it in the cache. */
export interface TablePlan extends Load {
  /** What the user should know of the choice. */
  readonly warnings: readonly string[];
}

/** What an existing cache has: its tables keep their choice, and what stays keeps its names. */
export interface Present {
  readonly tables: readonly CacheTable[];
  readonly objects: readonly { readonly name: string; readonly ofTable: string }[];
}

export const NOTHING: Present = { tables: [], objects: [] };

/** Throws DeltaError usage where what is asked does not fit the tables. */
export function planTables(sources: readonly SourceTable[], asked: Asked, present: Present): TablePlan[] {
  const wishes = wishesOf(asked, sources);
  const before = finder(present.tables, sources);
  const plans = sources.map((source) => planTable(source, kept(wishes.get(source)!, before(source.relation))));
  const names = [...stayingTables(plans, present), ...plans.map(({ table }) => table)].map(({ table }) => table);
  return withNamedIndexes(plans, [...names, ...stayingObjects(plans, present)]);
}

/** The tables of the cache that are not made anew, less those of which it has no rows. */
export function stayingTables(plans: readonly TablePlan[], { tables, objects }: Present): CacheTable[] {
  const held = new Set(objects.map(({ name }) => name));
  const oids = new Set(plans.map(({ source }) => source.oid));
  const names = new Set(plans.map(({ source }) => tableKey(source.schema, source.table)));
  return tables.filter(({ oid, schema, name, table }) => held.has(table) && !oids.has(oid) && !names.has(tableKey(schema, name)));
}

/** What stays beside the tables, by name: their indexes, and what the user made. */
export function stayingObjects(plans: readonly TablePlan[], present: Present): string[] {
  const staying = new Set(stayingTables(plans, present));
  const replaced = new Set(present.tables.filter((table) => !staying.has(table)).map(({ table }) => table));
  const tables = new Set(present.tables.map(({ table }) => table));
  return present.objects.filter(({ name, ofTable }) => !tables.has(name) && !replaced.has(ofTable)).map(({ name }) => name);
}

/** Finds the cache's table of a relation: by its oid or, where it was made anew, by its name. */
function finder(tables: readonly CacheTable[], sources: readonly SourceTable[]): (relation: Relation) => CacheTable | undefined {
  const oids = new Set(sources.map(({ oid }) => oid));
  const byOid = new Map(tables.map((table) => [table.oid, table]));
  // One that was renamed in Postgres and comes too keeps the name that the user gave it.
  const left = tables.map((table) => (oids.has(table.oid) ? { ...table, table: cacheName(table.schema, table.name) } : table));
  const byName = new Map(left.map((table) => [tableKey(table.schema, table.name), table]));
  return ({ oid, schema, table }) => byOid.get(oid) ?? byName.get(tableKey(schema, table));
}

/** What was chosen before holds until it is said anew. */
export function kept(wish: Wish, before: CacheTable | undefined): Wish {
  if (before === undefined) return wish;
  const renamed = before.columns.flatMap(({ name, as }) => (typeof as === 'string' ? [[name, as] as const] : []));
  const table = isGivenName(before) ? before.table : undefined;
  return { table: wish.table ?? table, columns: new Map([...renamed, ...wish.columns]), choice: { ...before.choice, ...wish.choice } };
}

function planTable(source: SourceTable, wish: Wish): TablePlan {
  const { relation } = source;
  const { columns: chosen, where } = wish.choice;
  const list = chosen?.filter((name) => relation.columns.some((column) => column.name === name));
  const gone = chosen?.filter((name) => !list!.includes(name)) ?? [];
  const isHeld = ({ name, attnum }: { name: string; attnum: number }) => list === undefined || list.includes(name) || relation.key.includes(attnum);
  const columns = relation.columns.map((column): CacheColumn => {
    const as = isHeld(column) ? wish.columns.get(column.name) : null;
    return as === undefined ? column : { ...column, as };
  });
  const table: CacheTable = {
    schema: relation.schema,
    name: relation.table,
    table: wish.table ?? cacheName(relation.schema, relation.table),
    oid: relation.oid,
    kind: source.kind,
    identity: relation.identity,
    key: relation.key,
    columns,
    pattern: source.pattern,
    choice: list === undefined ? wish.choice : { ...wish.choice, columns: list },
    comments: source.comments,
  };
  const held = new Map(heldColumns(table).map(({ name, as }) => [name, as]));
  const filter = where === undefined ? undefined : bindFilter(parseFilter(where), relation.columns);
  const attnums = new Set(heldColumns(table).map(({ attnum }) => attnum));
  const isWhole = ({ columns: indexed }: Pick<CacheIndex, 'columns'>) => indexed.every(({ attnum }) => attnums.has(attnum));
  const indexes = source.indexes.filter(isWhole).map(({ name, columns: indexed }) => ({ name: cacheName(source.schema, name), columns: indexed }));
  return {
    source,
    table: { ...table, indexes },
    filter,
    leftOut: [...source.leftOut, ...source.indexes.filter((index) => !isWhole(index)).map(({ name }) => ({ name, reason: 'the cache does not hold all of its columns' }))],
    warnings: [...(gone.length === 0 ? [] : [goneWarning(source, gone)]), ...(filter === undefined ? [] : moveInWarning(source, new Set([...held.keys(), ...filter.filter.columns])))],
  };
}

/** Indexes share one space of names with the tables; where SQLite cannot tell two apart, the later index is left out. */
function withNamedIndexes(plans: readonly TablePlan[], names: readonly string[]): TablePlan[] {
  const taken = new Set(names.map(folded));
  return plans.map((plan) => {
    const indexes: CacheIndex[] = [];
    const leftOut: LeftOut[] = [...plan.leftOut];
    for (const index of plan.table.indexes ?? []) {
      const reason = reservedBecause(index.name) ?? (taken.has(folded(index.name)) ? 'SQLite cannot tell its name from another one\'s' : undefined);
      if (reason !== undefined) leftOut.push({ name: index.name, reason });
      else indexes.push(index);
      taken.add(folded(index.name));
    }
    return { ...plan, table: { ...plan.table, indexes }, leftOut };
  });
}

function goneWarning({ schema, table }: SourceTable, names: readonly string[]): string {
  return `${schema}.${table}: was chosen with ${names.join(', ')}, which it no longer has; to choose others: --columns '${written(schema, table)}=…'`;
}

/** Types whose values are never stored out of line. */
const SHORT = /^(?:smallint|integer|bigint|oid|boolean|real|double precision|date|timestamp\b.*|time\b.*|interval\b.*|uuid|name|money|"char"|macaddr8?|pg_lsn|xid8?)$/;

/** Of the columns that the cache or its filter wants; the key's are in every line. */
export function moveInWarning({ schema, table, relation }: { readonly schema: string; readonly table: string; readonly relation: Pick<Relation, 'columns' | 'key' | 'identity'> }, wanted: ReadonlySet<string>): string[] {
  const large = relation.columns.filter(({ name, type, attnum }) => wanted.has(name) && !SHORT.test(type) && !relation.key.includes(attnum)).map(({ name }) => name);
  if (relation.identity === 'full' || large.length === 0) return [];
  return [`${schema}.${table}: a row that moves in by an update while a large value in ${large.slice(0, 3).join(', ')} is unchanged cannot be made up, and puts the table in quarantine; to be safe: ALTER TABLE ${written(schema, table)} REPLICA IDENTITY FULL`];
}
