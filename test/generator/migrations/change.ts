/** What all changes of a schema have in common. */
import type { Random } from '../../support/random.js';
import { ident, Names } from '../names.js';
import { valueOf, type Type } from '../values.js';
import { folded } from '../../../src/sqlite/names.js';
import { leavesOf, roots, type Live, type LiveColumn, type LiveTable } from './catalog.js';

/** Makes SQL, one statement or several that belong together; undefined where there is nothing to do it to. */
export type Change = (live: Live) => string | undefined;

/** A change by the name that it is counted under. */
export type Changes = Readonly<Record<string, Change>>;

/** A table that stands for itself: no partition. */
export function anyRoot(live: Live): LiveTable | undefined {
  return among(live.random, roots(live));
}

/** A table that has rows of its own and is no partition. */
export function anyPlain(live: Live): LiveTable | undefined {
  return among(live.random, roots(live).filter(({ kind }) => kind === 'r'));
}

export function among<T>(random: Random, from: readonly T[]): T | undefined {
  return from.length === 0 ? undefined : random.pick(from);
}

/** Does it to a table where there is one. */
export function toTable(pick: (live: Live) => LiveTable | undefined, make: (live: Live, table: LiveTable) => string | undefined): Change {
  return (live) => {
    const table = pick(live);
    return table === undefined ? undefined : make(live, table);
  };
}

/** A name that no column of the table has, by SQLite's eyes. */
export function newColumn({ random }: Live, table: LiveTable): string {
  const names = new Names(random);
  for (;;) {
    const name = names.next(`c${random.below(1000)}_`);
    // Without a key, a table that hides all names of the row id cannot be held.
    if (!isTaken(table, name) && folded(name) !== 'oid') return name;
  }
}

export function isTaken({ columns }: LiveTable, name: string): boolean {
  return columns.some((column) => folded(column.name) === folded(name));
}

/** Columns in no index and by which no partition is chosen. */
export function loose(table: LiveTable): LiveColumn[] {
  const bound = new Set([...table.partitionKey, ...table.indexes.flatMap(({ keys }) => keys)]);
  return table.columns.filter(({ attnum }) => !bound.has(attnum));
}

/** A constant of the type. */
export function constant(random: Random, type: Type): string {
  return valueOf(random, type, false);
}

/** `ALTER TABLE … REPLICA IDENTITY` of all that have rows: a partition's is its own affair. */
export function identityOfLeaves({ tables }: Live, table: LiveTable, identity: string): string {
  return leavesOf(tables, table).map(({ sql }) => `ALTER TABLE ${sql} REPLICA IDENTITY ${identity}`).join('; ');
}

export function list(columns: readonly { readonly name: string }[]): string {
  return columns.map(({ name }) => ident(name)).join(', ');
}
