/**
 * What tables are called in the cache while names change hands. A transaction swaps
 * names, drops a table and makes another of its name, and the log may say the second
 * before the first. So whoever has lost its name stands aside, and who cannot have its
 * new one yet goes by a stand-in; at the transaction's end each has the name that it is
 * to have, or is gone.
 */
import { alterTable, dropTable, renameTable, swapTable, type Lost } from '../sqlite/alter.js';
import { dropCopy } from '../sqlite/copies.js';
import { droppedName, folded, quote, unheldName } from '../sqlite/names.js';
import { isTaken } from '../sqlite/objects.js';
import type { Cache } from '../sqlite/open.js';
import { presentIndexes } from '../sqlite/own-indexes.js';
import { DROPPED, type CacheTable } from '../sqlite/tables.js';
import { altering, TableFault } from './fault.js';
import type { Registry } from './registry.js';
import { placeOf } from './shape.js';

export interface NamingOptions {
  /** A table that was dropped stays as it was. */
  readonly keepDropped: boolean;
  /** Says what became of a table, once it is committed. */
  readonly note: (text: string) => void;
}

export class Naming {
  readonly #cache: Cache;
  readonly #registry: Registry;
  readonly #options: NamingOptions;
  /** By oid, what tables are called whose name is another table's. */
  readonly #aside = new Map<number, string>();
  /** By oid, the names that tables are to have and could not have yet. */
  readonly #wanted = new Map<number, string>();
  /** Why tables go at the end. */
  readonly #leaving = new Map<number, string>();
  /** Tables whose indexes may lack a name that somebody else had. */
  readonly #reindexed = new Set<number>();

  constructor(cache: Cache, registry: Registry, options: NamingOptions) {
    this.#cache = cache;
    this.#registry = registry;
    this.#options = options;
  }

  /** The table by the name that it bears in the cache now. */
  physical(table: CacheTable): CacheTable {
    return { ...table, table: this.#aside.get(table.oid) ?? table.table };
  }

  /** The table by the name that it is to have. */
  proper(table: CacheTable): CacheTable {
    return { ...table, table: this.#wanted.get(table.oid) ?? table.table };
  }

  isAside(oid: number): boolean {
    return this.#aside.has(oid);
  }

  /** Whoever has the name in Postgres that the table has now gives way. */
  claim(after: CacheTable): void {
    const holder = this.#registry.named(after.schema, after.name);
    if (holder !== undefined && holder.table.oid !== after.oid) this.standAside(holder.table);
  }

  /** The table by the name that it can have now; `present`: what it is called. */
  place(after: CacheTable, present: string | undefined): CacheTable {
    this.#aside.delete(after.oid);
    this.#wanted.delete(after.oid);
    if (present !== undefined && folded(after.table) === folded(present)) return after;
    if (!isTaken(this.#cache, after.table)) return after;
    this.#wanted.set(after.oid, after.table);
    return { ...after, table: standIn(after.oid) };
  }

  standAside(table: CacheTable): void {
    const physical = this.physical(table).table;
    this.#registry.unname(table.oid);
    const isHeld = isTaken(this.#cache, physical);
    if (table.quarantine?.reason === DROPPED) {
      this.#registry.remove(table.oid);
      if (isHeld) this.#leaveBehind(table, physical);
      return;
    }
    if (isHeld && physical !== standIn(table.oid)) this.#rename(table, physical, standIn(table.oid));
    // Names of indexes are free from here on; whoever comes back has its own made again.
    for (const { name } of presentIndexes(this.#cache, { ...table, table: standIn(table.oid) })) this.#cache.exec(`DROP INDEX ${quote(name)}`);
    this.#reindexed.add(table.oid);
    this.#aside.set(table.oid, standIn(table.oid));
  }

  /** At the transaction's end the table goes, unless it has come back by then. */
  leave(oid: number, why: string): void {
    this.#leaving.set(oid, why);
  }

  stay(oid: number): void {
    this.#leaving.delete(oid);
  }

  /** Its indexes changed, and a name among them may be free only at the end. */
  reindex(oid: number): void {
    this.#reindexed.add(oid);
  }

  /** At the end of a transaction. Throws TableFault where a table cannot have its name. */
  settle(): void {
    for (const oid of [...this.#aside.keys()]) this.#comeBack(oid);
    for (const oid of [...this.#aside.keys(), ...this.#leaving.keys()]) this.#remove(oid);
    for (const [oid, name] of this.#wanted) this.#home(oid, name);
    for (const oid of this.#reindexed) this.#remakeIndexes(oid);
    this.reset();
  }

  reset(): void {
    for (const names of [this.#aside, this.#wanted, this.#leaving, this.#reindexed]) if (names.size > 0) names.clear();
  }

  tell(table: CacheTable, lost: readonly Lost[]): void {
    for (const { kind, name, reason } of lost) {
      this.#options.note(kind === 'view' ? `view ${name} can no longer be read since ${placeOf(table)} changed: ${reason}` : `${kind} ${name} is gone, as ${placeOf(table)} changed: ${reason}`);
    }
  }

  /** Who had its name for a while has another one: a transaction that wrote before a rename says the old name first. */
  #comeBack(oid: number): void {
    const table = this.#registry.of(oid)?.table;
    if (table === undefined || this.#leaving.has(oid) || this.#registry.named(table.schema, table.name) !== undefined) return;
    const present = this.physical(table);
    const placed = this.place(table, present.table);
    if (isTaken(this.#cache, present.table)) this.tell(placed, altering(table, () => alterTable(this.#cache, present, placed, { missing: new Map(), convert: new Map() })));
    this.#registry.put(placed);
  }

  #remove(oid: number): void {
    const entry = this.#registry.of(oid);
    if (entry === undefined) return;
    const { table } = entry;
    const physical = this.physical(table).table;
    const why = this.#leaving.get(oid);
    if (why === undefined && table.joining !== undefined) throw new TableFault(table, 'another table has its name now: it was dropped and made anew, or renamed');
    const heir = this.#aside.has(oid) ? this.#registry.named(table.schema, table.name)?.table : undefined;
    this.#registry.remove(oid);
    dropCopy(this.#cache, oid);
    this.#options.note(`${placeOf(table)} ${why ?? 'is gone: its name is another table\'s'}`);
    if (!isTaken(this.#cache, physical)) return;
    if (why !== undefined && this.#options.keepDropped) return this.#leaveBehind(table, physical);
    if (heir?.table === table.table && isTaken(this.#cache, heir.table)) return this.tell(heir, altering(heir, () => swapTable(this.#cache, { ...table, table: physical }, heir, heir)));
    this.tell(table, dropTable(this.#cache, { ...table, table: physical }, isTaken(this.#cache, table.table) ? physical : table.table));
  }

  /** What is kept of a dropped table is an ordinary table from here on. */
  #leaveBehind(table: CacheTable, physical: string): void {
    const name = droppedName(table);
    this.#rename(table, physical, name);
    this.#options.note(`${placeOf(table)} was dropped; its rows stay in ${name}`);
  }

  #home(oid: number, name: string): void {
    const entry = this.#registry.of(oid);
    if (entry === undefined) return;
    const { table } = entry;
    const isOut = table.quarantine !== undefined || table.waiting !== undefined;
    if (isTaken(this.#cache, name) && !isOut) throw new TableFault(table, `the cache has something else under the name ${name}`);
    const after = { ...table, table: isTaken(this.#cache, name) ? unheldName(table) : name };
    this.#rename(table, table.table, after.table);
    this.#registry.put(after);
  }

  #remakeIndexes(oid: number): void {
    const table = this.#registry.of(oid)?.table;
    if (table === undefined || !isTaken(this.#cache, table.table)) return;
    this.tell(table, altering(table, () => alterTable(this.#cache, table, table, { missing: new Map(), convert: new Map() })));
  }

  #rename(table: CacheTable, from: string, to: string): void {
    this.tell(table, altering(table, () => renameTable(this.#cache, from, to)));
  }
}

function standIn(oid: number): string {
  return `_daystream_aside_${oid}`;
}
