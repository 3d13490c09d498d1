/**
 * A table as a host wants it, out of a snapshot: the columns have to be in the snapshot,
 * its rows among them, its numbers in it as exactly. What a host asks for beyond that it
 * is refused, and told what the snapshot has.
 */
import { written } from '../daystream/pattern.js';
import { DeltaError } from '../errors.js';
import { bindFilter, type BoundFilter } from '../filter/bind.js';
import { parseFilter } from '../filter/parse.js';
import { printCondition } from '../filter/print.js';
import type { Condition } from '../filter/tree.js';
import type { Taking } from '../sqlite/take.js';
import { heldColumns, type CacheTable } from '../sqlite/tables.js';
import { affinityOf } from '../sqlite/values.js';

/** `to`: the table as the host wants it, with the columns and the key of `from`. Throws DeltaError config. */
export function takingOf(from: CacheTable, to: CacheTable, place: string): Taking {
  requireHeld(from, to, place);
  requireExact(from, to, place);
  const filter = furtherFilter(from, to, place);
  if (from.waiting?.copy !== undefined && !isAsItIs(from, to, filter)) {
    throw refused(place, from, 'a copy of it was coming in when the snapshot was made, so it can only be had as it is there', 'ask for the table as the snapshot has it, or publish another when the copy is in');
  }
  return { from, to, filter };
}

function requireHeld(from: CacheTable, to: CacheTable, place: string): void {
  const held = new Set(heldColumns(from).map(({ attnum }) => attnum));
  const lacking = heldColumns(to).filter(({ attnum }) => !held.has(attnum)).map(({ name }) => name);
  if (lacking.length === 0) return;
  const has = heldColumns(from).map(({ name }) => (written('public', name)));
  throw refused(place, from, `it is there without ${lacking.slice(0, 5).join(', ')}${lacking.length > 5 ? ', …' : ''}`, `ask for what is there: --columns '${nameOf(from)}=${has.join(',')}'`);
}

function requireExact(from: CacheTable, to: CacheTable, place: string): void {
  const before = new Map(heldColumns(from).map((column) => [column.attnum, column]));
  const rounded = heldColumns(to).find(({ attnum, type, numeric }) => {
    const was = before.get(attnum)!;
    return affinityOf(was.type, was.numeric) !== affinityOf(type, numeric) && was.numeric === 'real';
  });
  if (rounded !== undefined) throw refused(place, from, `its column ${rounded.name} is there rounded`, 'ask for it rounded: --numeric real');
}

/** What is to be tested of the snapshot's rows: those conditions of the host that the snapshot's rows do not meet already. */
function furtherFilter(from: CacheTable, to: CacheTable, place: string): BoundFilter | undefined {
  const had = partsOf(from.choice.where);
  const wanted = partsOf(to.choice.where);
  const texts = new Set([...wanted.keys()]);
  if ([...had.keys()].some((text) => !texts.has(text))) {
    throw refused(place, from, `of its rows only those are there for which ${from.choice.where}`, `ask for these, or for less with AND behind it: --where '${`${nameOf(from)}: ${from.choice.where}`.replaceAll("'", `'\\''`)}'`);
  }
  const further = [...wanted].filter(([text]) => !had.has(text)).map(([, part]) => part);
  if (further.length === 0) return undefined;
  const filter = bindFilter(parseFilter(printCondition(further.length === 1 ? further[0] : { kind: 'and', parts: further })), from.columns);
  const held = new Map(heldColumns(from).map((column) => [column.name, column]));
  for (const name of filter.filter.columns) {
    const column = held.get(name);
    if (column === undefined) throw refused(place, from, `it is there without ${name}, by which rows are asked for`, 'ask for rows by columns that are there');
    if (affinityOf(column.type, column.numeric) !== affinityOf(column.type)) throw refused(place, from, `its column ${name}, by which rows are asked for, is there rounded`, 'ask for rows by other columns');
  }
  return filter;
}

/** The conditions that all have to hold, by their text. */
function partsOf(where: string | undefined): Map<string, Condition> {
  const parts = new Map<string, Condition>();
  const add = (condition: Condition) => {
    if (condition.kind === 'and') condition.parts.forEach(add);
    else parts.set(printCondition(condition), condition);
  };
  if (where !== undefined) add(parseFilter(where).condition);
  return parts;
}

function isAsItIs(from: CacheTable, to: CacheTable, filter: BoundFilter | undefined): boolean {
  const columns = (table: CacheTable) => JSON.stringify([table.table, table.choice.where, table.choice.columns, heldColumns(table)]);
  return filter === undefined && columns(from) === columns(to);
}

function nameOf({ schema, name }: CacheTable): string {
  return written(schema, name);
}

function refused(place: string, table: CacheTable, reason: string, hint: string): DeltaError {
  return new DeltaError('config', `${place}: table ${table.schema}.${table.name}: ${reason}`, { hint: `${hint}; or copy it from Postgres: leave out --bootstrap` });
}
