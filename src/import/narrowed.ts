/** What a host that begins with a published snapshot asks of it, in the words of an import. */
import { isExact, matches, written, type Pattern } from '../daystream/pattern.js';
import { DeltaError } from '../errors.js';
import { bindFilter } from '../filter/bind.js';
import { parseFilter } from '../filter/parse.js';
import type { Snapshot } from '../published/find.js';
import { takingOf } from '../published/narrow.js';
import { quarantinedHere } from '../sqlite/cure.js';
import { cacheName, unheldName } from '../sqlite/names.js';
import type { ChosenPattern } from '../sqlite/patterns.js';
import { requireHoldable } from '../sqlite/schema.js';
import type { Held, Taken } from '../sqlite/take.js';
import { heldColumns, type CacheColumn, type CacheTable } from '../sqlite/tables.js';
import { wishesOf, type Asked, type Wish } from './asked.js';
import { kept, moveInWarning } from './plan.js';

export interface Narrowed extends Taken {
  readonly warnings: readonly string[];
}

interface Chosen {
  readonly table: CacheTable;
  readonly pattern: string;
}

/** For the cache at `path`. `patterns` undefined: the tables of the snapshot, as it has them but for what is asked. Throws DeltaError usage and config. */
export function narrowed({ tables, patterns: had }: Pick<Held, 'tables' | 'patterns'>, { place }: Snapshot, patterns: readonly Pattern[] | undefined, asked: Asked, path: string): Narrowed {
  const chosen = patterns === undefined ? tables.filter(isNamed).map((table) => ({ table, pattern: table.pattern })) : chooseTables(tables, had, patterns, place);
  const named = chosen.map(({ table, pattern }) => ({ schema: table.schema, table: table.name, relation: table, from: table, pattern }));
  const wishes = wishesOf(asked, named);
  const takings = named.map((each) => {
    const wish = wishes.get(each)!;
    return takingOf(each.from, quarantinedHere(planned(each.from, patterns === undefined ? kept(wish, each.from) : wish, each.pattern), path), place);
  });
  requireHoldable(takings.map(({ to }) => to).filter((table) => table.table !== unheldName(table)));
  return { tables: takings, patterns: patternsOf(had, patterns, asked), warnings: takings.flatMap(({ to }) => warningsOf(to)) };
}

/** True where nothing is asked of a snapshot but to be taken. */
export function isWhole(patterns: readonly Pattern[] | undefined, asked: Asked): boolean {
  return patterns === undefined && asked.numeric === undefined && [asked.rename, asked.columns, asked.where].every((options) => options.length === 0);
}

/** One that lost its name to another has none until the log gives it one. */
function isNamed({ schema }: CacheTable): boolean {
  return schema !== '';
}

function chooseTables(tables: readonly CacheTable[], had: readonly ChosenPattern[], patterns: readonly Pattern[], place: string): Chosen[] {
  for (const pattern of patterns) requireCovered(pattern, tables, had, place);
  const chosen = tables.filter(isNamed).flatMap((table) => {
    const pattern = patterns.find((each) => matches(each, table.schema, table.name));
    if (pattern === undefined) return [];
    const { quarantine } = table;
    if (quarantine !== undefined && isExact(pattern)) {
      throw new DeltaError('config', `${place}: table ${table.schema}.${table.name} is in quarantine there: ${quarantine.reason}`, { hint: `publish another when it is cured on the host that publishes; or copy it from Postgres: leave out --bootstrap` });
    }
    return [{ table, pattern: pattern.text }];
  });
  if (chosen.length > 0) return chosen;
  throw new DeltaError('config', `${place}: has none of the tables that are asked for`, { hint: hasHint(tables) });
}

/** A pattern asks for tables that come later too: those that the snapshot's own patterns do not choose would be missing. */
function requireCovered(pattern: Pattern, tables: readonly CacheTable[], had: readonly ChosenPattern[], place: string): void {
  const isThere = tables.some(({ schema, name }) => matches(pattern, schema, name));
  const isCovered = had.some(({ pattern: { schema, table } }) => (schema === undefined || schema === pattern.schema) && (table === undefined || table === pattern.table));
  if (isExact(pattern) ? isThere : isCovered) return;
  const reason = isExact(pattern) ? `has no table ${pattern.schema}.${pattern.table}` : `has of ${pattern.text} only what ${had.map(({ pattern: { text } }) => text).join(',')} chooses`;
  throw new DeltaError('config', `${place}: ${reason}`, { hint: hasHint(tables) });
}

function hasHint(tables: readonly CacheTable[]): string {
  const names = tables.filter(isNamed).map(({ schema, name }) => written(schema, name));
  return `it has: --tables ${names.slice(0, 20).join(',')}${names.length > 20 ? ',…' : ''}; or copy from Postgres: leave out --bootstrap`;
}

function planned(had: CacheTable, wish: Wish, pattern: string): CacheTable {
  const { columns: list, where } = wish.choice;
  const isHeld = ({ name, attnum }: CacheColumn) => list === undefined || list.includes(name) || had.key.includes(attnum);
  const columns = had.columns.map((column): CacheColumn => {
    const { as: _, ...bare } = column;
    const as = isHeld(column) ? wish.columns.get(column.name) : null;
    return as === undefined ? bare : { ...bare, as };
  });
  const isUnheld = had.table === unheldName(had);
  const table: CacheTable = { ...had, table: isUnheld ? had.table : wish.table ?? cacheName(had.schema, had.name), columns, pattern, choice: wish.choice };
  const attnums = new Set(heldColumns(table).map(({ attnum }) => attnum));
  if (where !== undefined) bindFilter(parseFilter(where), had.columns);
  return { ...table, indexes: (had.indexes ?? []).filter((index) => index.columns.every(({ attnum }) => attnums.has(attnum))) };
}

function patternsOf(had: readonly ChosenPattern[], patterns: readonly Pattern[] | undefined, { numeric }: Asked): readonly ChosenPattern[] | undefined {
  if (patterns !== undefined) return patterns.map((pattern) => ({ pattern, numeric }));
  return numeric === undefined ? undefined : had.map(({ pattern }) => ({ pattern, numeric }));
}

/** What the user should know of a table that is taken. */
export function warningsOf(table: CacheTable): string[] {
  const { schema, name, quarantine, waiting, choice } = table;
  const held = new Set(heldColumns(table).map((column) => column.name));
  const filter = choice.where === undefined ? [] : parseFilter(choice.where).columns;
  return [
    ...(quarantine === undefined ? [] : [`${schema}.${name} is in quarantine: ${quarantine.reason}`]),
    ...(waiting === undefined ? [] : [`${schema}.${name} waits for a copy: ${waiting.reason}`]),
    ...(filter.length === 0 ? [] : moveInWarning({ schema, table: name, relation: table }, new Set([...held, ...filter]))),
  ];
}
