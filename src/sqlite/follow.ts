/**
 * Columns of a table take their new names one by one, so that an application's indexes,
 * views and triggers go along.
 */
import type { Lost } from './lost.js';
import { folded } from './names.js';
import type { Cache } from './open.js';
import { renameColumn } from './rename.js';
import { heldColumns, type CacheTable } from './tables.js';

export interface Followed {
  /** By attnum the name that each column has now. */
  readonly names: ReadonlyMap<number, string>;
  readonly lost: readonly Lost[];
}

/**
 * Renames, in the table `name`, the columns of `before` that have another name in
 * `after`, but for those that SQLite refuses, and those whose new name is that of a
 * column that goes: who says that name means the new one from now on.
 */
export function followColumns(cache: Cache, name: string, before: CacheTable, after: CacheTable): Followed {
  const names = new Map(heldColumns(before).map(({ attnum, as }) => [attnum, as]));
  const lost: Lost[] = [];
  const move = (attnum: number, to: string) => {
    const losses = renameColumn(cache, name, names.get(attnum)!, to);
    if (losses === undefined) return false;
    lost.push(...losses);
    names.set(attnum, to);
    return true;
  };
  let pending = wanted(names, after);
  // Each takes two steps at the most.
  for (let steps = 2 * pending.size; steps > 0 && pending.size > 0; steps--) {
    const free = [...pending].find(([attnum, to]) => holderOf(names, to, attnum) === undefined);
    // Where they all wait for each other, one steps aside.
    const [attnum, to] = free ?? [[...pending.keys()][0], spareName(names)];
    const isDone = move(attnum, to);
    if (free !== undefined || !isDone) pending.delete(attnum);
    if (!isDone) pending = withoutBlocked(names, pending);
  }
  return { names, lost };
}

/** By attnum the new names that are other ones. */
function wanted(names: ReadonlyMap<number, string>, after: CacheTable): Map<number, string> {
  const renamed = heldColumns(after).filter(({ attnum, as }) => names.has(attnum) && names.get(attnum) !== as);
  return withoutBlocked(names, new Map(renamed.map(({ attnum, as }) => [attnum, as])));
}

/** Less those that wait for a column that stays where it is. */
function withoutBlocked(names: ReadonlyMap<number, string>, pending: ReadonlyMap<number, string>): Map<number, string> {
  const left = new Map(pending);
  for (let isDone = false; !isDone;) {
    isDone = true;
    for (const [attnum, to] of left) {
      const holder = holderOf(names, to, attnum);
      if (holder === undefined || left.has(holder)) continue;
      left.delete(attnum);
      isDone = false;
    }
  }
  return left;
}

/** The other column that has this name. */
function holderOf(names: ReadonlyMap<number, string>, name: string, self: number): number | undefined {
  for (const [attnum, taken] of names) if (attnum !== self && folded(taken) === folded(name)) return attnum;
  return undefined;
}

function spareName(names: ReadonlyMap<number, string>): string {
  const taken = new Set([...names.values()].map(folded));
  for (let i = 0; ; i++) if (!taken.has(`_daystream_${i}`)) return `_daystream_${i}`;
}
