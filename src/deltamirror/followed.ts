/** The tables of the cache: whose lines are applied, how, and from when on not. */
import { isFollowed } from '../daystream/pattern.js';
import { comparePositions, type Position } from '../daystream/position.js';
import type { Lsn } from '../daystream/lsn.js';
import type { Single, Unit } from '../daystream/unit.js';
import { dropCopy, lineKeeper } from '../sqlite/copies.js';
import type { Cache } from '../sqlite/open.js';
import { hasRowIndex, wantsRowIndex } from '../sqlite/row-index.js';
import type { Absent } from '../sqlite/rows.js';
import type { CacheTable } from '../sqlite/tables.js';
import { TableFault } from './fault.js';
import { FilteredTable } from './filtered.js';
import { KeylessTable } from './keyless.js';
import { isCopied } from './migrations.js';
import type { Quarantined, Quarantines } from './quarantines.js';
import type { Entry, Registry } from './registry.js';
import type { Scope } from './scope.js';
import { KeyedTable, type TableWriter } from './table.js';

export class Followed {
  readonly #cache: Cache;
  readonly #registry: Registry;
  readonly #quarantines: Quarantines;
  readonly #absent: Absent;
  /** What the last horizon said of the log's tables. */
  #said: string | undefined;

  constructor(cache: Cache, registry: Registry, quarantines: Quarantines, absent: Absent) {
    this.#cache = cache;
    this.#registry = registry;
    this.#quarantines = quarantines;
    this.#absent = absent;
  }

  /** Rises whenever other lines may count, or may be applied otherwise. */
  get version(): number { return this.#registry.version + this.#quarantines.version; }

  /**
   * True where that depends on the version alone and not on the unit that the lines stand in: `entry` asks
   * for the unit's position only where a quarantine begins at one, and for its xid only where a table has a snapshot.
   */
  get isSteady(): boolean { return !this.#quarantines.arePending && !this.#registry.isAnyAhead; }

  /** How many tables are ahead of the others. */
  get joining(): number {
    return this.#registry.joining().filter(({ table }) => !this.#quarantines.isPending(table.oid)).length;
  }

  /** How many tables stand still: in quarantine, or waiting for a copy. */
  count(state: 'quarantine' | 'waiting'): number {
    return this.#registry.all().filter(({ table }) => table[state] !== undefined).length;
  }

  /** The table, where its lines in this scope count: it is ours, not out, and has not copied the transaction. */
  entry(schema: string, name: string, scope: Scope): Entry | undefined {
    const entry = scope.oid === undefined ? this.#registry.named(schema, name) : this.#registry.of(scope.oid);
    return entry === undefined || this.#quarantines.isOut(entry, scope.position) || isCopied(entry, scope) ? undefined : entry;
  }

  table(oid: number): CacheTable | undefined {
    return this.#registry.of(oid)?.table;
  }

  /** The same by its oid. */
  known(oid: number, scope: Scope): Entry | undefined {
    const entry = this.#registry.of(oid);
    return entry === undefined ? undefined : this.entry(entry.table.schema, entry.table.name, { ...scope, oid });
  }

  /** What applies this table's lines; undefined where nothing does. */
  writer(entry: Entry | undefined): TableWriter | undefined {
    if (entry === undefined || entry.table.waiting !== undefined) return undefined;
    entry.writer ??= this.#writerOf(entry.table);
    return entry.writer;
  }

  /** What keeps this table's lines until its copy is whole; undefined where they are not to be kept. */
  keeper(entry: Entry | undefined): ((line: string) => void) | undefined {
    if (entry?.table.waiting?.copy === undefined) return undefined;
    this.#registry.touch();
    return lineKeeper(this.#cache, entry.table.oid);
  }

  /** Faults of tables that the log no longer carries: they must not look as if nothing happened to them (P5). */
  lost(horizon: Single): TableFault[] {
    const tables = horizon.line.own.get('_tables') ?? undefined;
    const byLeaf = horizon.line.own.get('_partitions') === 'leaf';
    const said = `${tables}\t${byLeaf}`;
    if (said === this.#said) return [];
    const entries = this.#registry.all();
    const asked = entries.filter(({ table: { joining } }) => joining === undefined || comparePositions(horizon.first, joining.position) > 0);
    // Tables that joined later were not asked: the next horizon asks again.
    this.#said = asked.length === entries.length ? said : undefined;
    return asked.flatMap((entry) => (this.#quarantines.isOut(entry, horizon.first) ? [] : lostTo(entry.table, tables, byLeaf) ?? []));
  }

  /** The first of the quarantines that begin with this unit. */
  beginningAt(unit: Unit): Quarantined | undefined {
    return this.#quarantines.beginningAt(unit)[0]?.[1];
  }

  /** Writes down each quarantine that begins with this unit, in its SQLite transaction. */
  record(unit: Unit): void {
    for (const [oid, { quarantine }] of this.#quarantines.beginningAt(unit)) {
      const entry = this.#registry.of(oid);
      if (entry === undefined) continue;
      if (entry.table.waiting !== undefined) dropCopy(this.#cache, oid);
      this.#registry.put({ ...entry.table, joining: undefined, waiting: undefined, quarantine });
    }
  }

  /** Tables that joined are followed like the others once the cache has come to where their copy was taken (P3). */
  settle(lsn: Lsn): void {
    for (const { table } of this.#registry.joining()) if (lsn >= table.joining!.lsn) this.#registry.put({ ...table, joining: undefined });
  }

  committed(position: Position): void {
    this.#quarantines.committed(position);
    this.#registry.committed();
  }

  #writerOf(table: CacheTable): TableWriter {
    const isFoundByHash = table.key.length === 0 && this.#absent === 'unchanged' && (wantsRowIndex(table) || hasRowIndex(this.#cache, table));
    if (isFoundByHash) this.#registry.touch(); // it may make its hashes, which a rollback undoes
    const writer = isFoundByHash ? new KeylessTable(this.#cache, table) : new KeyedTable(this.#cache, table, this.#absent);
    return table.choice.where === undefined ? writer : new FilteredTable(this.#cache, writer);
  }
}

function lostTo(table: CacheTable, tables: string | undefined, byLeaf: boolean): TableFault | undefined {
  if (!isFollowed(tables, table.schema, table.name)) return new TableFault(table, `deltastream follows it no longer: it runs with --tables ${tables}`, 'start deltastream with this table among its --tables');
  if (table.kind === 'partitioned' && byLeaf) return new TableFault(table, 'its rows come under the names of its partitions: deltastream runs with --partitions leaf', 'start deltastream with --partitions root');
  if (table.kind === 'leaf' && !byLeaf) return new TableFault(table, 'its rows come under the name of its root: deltastream runs with --partitions root', 'start deltastream with --partitions leaf');
  return undefined;
}
