/**
 * The tables of the cache as the log knows them: by oid, which stays, and by the name
 * that lines bear now. What is changed here is written to `_daystream_tables` at once,
 * in the SQLite transaction at hand, and read from there again after a rollback.
 */
import { parsePatterns } from '../daystream/pattern.js';
import { parseSnapshot, type Snapshot } from '../daystream/snapshot.js';
import { tableKey } from '../sqlite/names.js';
import type { Cache } from '../sqlite/open.js';
import { chosenBy, keepChoice, readPatterns, writePatterns, type ChosenPattern } from '../sqlite/patterns.js';
import { deleteTable, readTables, writeTable, type CacheTable } from '../sqlite/tables.js';
import type { TableWriter } from './table.js';

export interface Entry {
  readonly table: CacheTable;
  /** Of a table that was copied: what is visible in it is in the copy. */
  readonly snapshot: Snapshot | undefined;
  /** Made when the table's first line comes. */
  writer: TableWriter | undefined;
}

export class Registry {
  readonly #cache: Cache;
  #byOid = new Map<number, Entry>();
  #byName = new Map<string, Entry>();
  #joining = new Set<number>();
  /** By oid, those that have a snapshot. */
  #ahead = new Set<number>();
  /** Rises where what a name or an oid stands for may be another. */
  version = 0;
  #patterns: readonly ChosenPattern[];
  /** True where something was written since the last commit: a rollback undoes that. */
  #changed = false;

  constructor(cache: Cache, tables: readonly CacheTable[]) {
    this.#cache = cache;
    this.#patterns = readPatterns(cache);
    this.#fill(tables);
  }

  get changed(): boolean { return this.#changed; }

  /** True where a table has seen transactions that the others have not. */
  get isAnyAhead(): boolean { return this.#ahead.size > 0; }

  of(oid: number): Entry | undefined {
    return this.#byOid.get(oid);
  }

  named(schema: string, name: string): Entry | undefined {
    return this.#byName.get(tableKey(schema, name));
  }

  /** Those that are ahead of the others. Few, and asked for after each unit. */
  joining(): Entry[] {
    return this.#joining.size === 0 ? [] : [...this.#joining].flatMap((oid) => this.#byOid.get(oid) ?? []);
  }

  all(): Entry[] {
    return [...this.#byOid.values()];
  }

  /** The host's pattern that chooses a table of this name. */
  chosenBy(schema: string, name: string): ChosenPattern | undefined {
    return chosenBy(this.#patterns, schema, name);
  }

  /** From here on the host asks for this table too. */
  choose(text: string, numeric: ChosenPattern['numeric']): void {
    writePatterns(this.#cache, [{ pattern: parsePatterns(text)[0], numeric }]);
    this.#patterns = readPatterns(this.#cache);
    this.#changed = true;
  }

  /** What the host chose of a table holds for another one of its name. */
  keepChoice(table: CacheTable): void {
    if (!keepChoice(this.#cache, table)) return;
    this.#patterns = readPatterns(this.#cache);
    this.#changed = true;
  }

  /** A table, new or changed. One whose name was taken by another is known by its oid alone until it is put by one that is free. */
  put(table: CacheTable): Entry {
    const entry = entryOf(table);
    const holder = this.named(table.schema, table.name);
    const isTaken = holder !== undefined && holder.table.oid !== table.oid;
    if (isTaken && !this.#isNameless(table.oid)) throw new Error(`${table.schema}.${table.name} is the name of two tables`);
    this.#unname(table.oid);
    this.version++;
    this.#byOid.set(table.oid, entry);
    if (entry.snapshot === undefined) this.#ahead.delete(table.oid);
    else this.#ahead.add(table.oid);
    if (table.joining === undefined) this.#joining.delete(table.oid);
    else this.#joining.add(table.oid);
    this.#changed = true;
    if (isTaken) return entry;
    writeTable(this.#cache, table);
    this.#byName.set(tableKey(table.schema, table.name), entry);
    return entry;
  }

  /** All tables anew, each under another oid or attribute numbers than it had. */
  become(tables: readonly CacheTable[]): void {
    for (const { table } of this.all()) deleteTable(this.#cache, table);
    for (const table of tables) writeTable(this.#cache, table);
    this.#fill(tables);
    this.#changed = true;
  }

  /** From here on its name is another table's: until it is put again, it is known by its oid alone and is written nowhere. */
  unname(oid: number): void {
    this.#unname(oid);
    this.#changed = true;
  }

  remove(oid: number): void {
    this.unname(oid);
    this.version++;
    this.#byOid.delete(oid);
    this.#joining.delete(oid);
    this.#ahead.delete(oid);
  }

  /** Something of a table that a rollback undoes was made beside. */
  touch(): void {
    this.#changed = true;
  }

  committed(): void {
    this.#changed = false;
  }

  /** Between transactions of SQLite. */
  forgetWriters(): void {
    for (const entry of this.#byOid.values()) entry.writer = undefined;
    this.version++;
  }

  rolledBack(): void {
    if (this.#changed) {
      this.#patterns = readPatterns(this.#cache);
      this.#fill(readTables(this.#cache));
    }
    this.#changed = false;
    for (const { writer } of this.#byOid.values()) writer?.reset();
  }

  #isNameless(oid: number): boolean {
    const entry = this.#byOid.get(oid);
    return entry !== undefined && this.named(entry.table.schema, entry.table.name) !== entry;
  }

  #unname(oid: number): void {
    const before = this.#byOid.get(oid);
    if (before === undefined) return;
    const key = tableKey(before.table.schema, before.table.name);
    if (this.#byName.get(key) !== before) return;
    this.version++;
    this.#byName.delete(key);
    deleteTable(this.#cache, before.table);
  }

  #fill(tables: readonly CacheTable[]): void {
    const entries = tables.map(entryOf);
    this.version++;
    this.#ahead = new Set(entries.filter(({ snapshot }) => snapshot !== undefined).map(({ table }) => table.oid));
    this.#byOid = new Map(entries.map((entry) => [entry.table.oid, entry]));
    this.#joining = new Set(tables.filter(({ joining }) => joining !== undefined).map(({ oid }) => oid));
    this.#byName = new Map(entries.map((entry) => [tableKey(entry.table.schema, entry.table.name), entry]));
  }
}

function entryOf(table: CacheTable): Entry {
  const snapshot = table.joining?.snapshot ?? table.waiting?.copy?.snapshot;
  return { table, snapshot: snapshot === undefined ? undefined : parseSnapshot(snapshot), writer: undefined };
}
