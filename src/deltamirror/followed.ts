/** The tables of the cache: whose lines are applied, how, and from when on not. */
import { isFollowed } from '../daystream/pattern.js';
import { comparePositions, type Position } from '../daystream/position.js';
import type { Relation } from '../daystream/relation.js';
import { isVisible, parseSnapshot, type Snapshot } from '../daystream/snapshot.js';
import type { Lsn } from '../daystream/lsn.js';
import type { Single, Transaction, Unit } from '../daystream/unit.js';
import { tableKey } from '../sqlite/names.js';
import type { Cache } from '../sqlite/open.js';
import { hasRowIndex, wantsRowIndex } from '../sqlite/row-index.js';
import type { Absent } from '../sqlite/rows.js';
import { readTables, writeTable, type CacheTable, type Quarantine } from '../sqlite/tables.js';
import { TableFault } from './fault.js';
import { FilteredTable } from './filtered.js';
import { KeylessTable } from './keyless.js';
import { faultOfShape, renewed } from './shape.js';
import { KeyedTable, type TableWriter } from './table.js';

interface Entry {
  readonly table: CacheTable;
  /** Of a table that joins: what is visible in it is in the copy. */
  readonly snapshot: Snapshot | undefined;
  /** Made when the table's first line comes. */
  writer: TableWriter | undefined;
}

/** A table and why it is out. */
export interface Quarantined {
  readonly schema: string;
  readonly name: string;
  readonly quarantine: Quarantine;
}

export interface FollowOptions {
  /** What to type to have a table again that is in quarantine; `table` is given as a pattern. */
  readonly cure: (schema: string, table: string) => string;
  readonly absent: Absent;
}

export class Followed {
  readonly #cache: Cache;
  readonly #options: FollowOptions;
  #entries: Map<string, Entry>;
  #byOid: Map<number, Entry>;
  /** Tables that are out, by their key; from the quarantine's position on. */
  readonly #quarantined = new Map<string, Quarantine>();
  /** Those whose first line without them is still to come. */
  readonly #unrecorded = new Map<string, Quarantine>();
  /** True where something was written since the last commit on which entries rest: a rollback undoes that. */
  #changed = false;
  #joining: Map<string, Entry>;
  /** What the last horizon said of the log's tables. */
  #said: string | undefined;

  constructor(cache: Cache, tables: readonly CacheTable[], options: FollowOptions) {
    this.#cache = cache;
    this.#options = options;
    this.#entries = entriesOf(tables);
    this.#byOid = byOid(this.#entries);
    this.#joining = joiningOf(this.#entries);
    for (const table of tables) {
      if (table.quarantine !== undefined) this.#quarantined.set(tableKey(table.schema, table.name), table.quarantine);
    }
  }

  get quarantined(): number { return this.#quarantined.size; }
  /** How many tables are ahead of the others. */
  get joining(): number { return this.#joining.size; }

  /** What applies this table's lines in this transaction; undefined where nothing does. */
  writer(schema: string, name: string, unit: Transaction): TableWriter | undefined {
    const entry = this.#entry(schema, name, unit);
    if (entry === undefined) return undefined;
    entry.writer ??= this.#writerOf(entry.table);
    return entry.writer;
  }

  /** True where a fault of this table is to be told: it is ours and not out yet. */
  has(schema: string, name: string, unit: Transaction): boolean {
    return this.#entry(schema, name, unit) !== undefined;
  }

  /** Throws TableFault where a schema line does not fit the cache. */
  checkShape(relation: Relation, unit: Transaction): void {
    const entry = this.#entry(relation.schema, relation.table, unit);
    if (entry !== undefined) {
      const fault = faultOfShape(relation, entry.table);
      if (fault !== undefined) throw fault;
      const table = renewed(relation, entry.table);
      if (table !== undefined) this.#replace(table);
      return;
    }
    // A renamed table comes under a name that the cache does not know; its oid stays.
    const renamed = this.#byOid.get(relation.oid)?.table;
    if (renamed !== undefined && this.has(renamed.schema, renamed.name, unit) && (renamed.schema !== relation.schema || renamed.name !== relation.table)) {
      throw new TableFault({ schema: renamed.schema, table: renamed.name }, `it was renamed to ${relation.schema}.${relation.table}`);
    }
  }

  /** Faults of tables that the log no longer carries: they must not look as if nothing happened to them (P5). */
  lost(horizon: Single): TableFault[] {
    const tables = horizon.line.own.get('_tables') ?? undefined;
    const byLeaf = horizon.line.own.get('_partitions') === 'leaf';
    const said = `${tables}\t${byLeaf}`;
    if (said === this.#said) return [];
    const isPast = ({ joining }: CacheTable) => joining !== undefined && comparePositions(horizon.first, joining.position) <= 0;
    const entries = [...this.#entries].filter(([, { table }]) => !isPast(table));
    // Tables that joined later were not asked: the next horizon asks again.
    this.#said = entries.length === this.#entries.size ? said : undefined;
    return entries.flatMap(([key, { table }]) => (this.#isOut(key, horizon.first) ? [] : lostTo(table, tables, byLeaf) ?? []));
  }

  /** Puts a table in quarantine from the unit at `position` on; what comes before it is still applied. */
  exclude(fault: TableFault, position: Position): Quarantine {
    const again = this.#options.cure(fault.schema, fault.table);
    const quarantine = { reason: fault.reason, cure: fault.cure === undefined || fault.cure === '' ? again : `${fault.cure}; then ${again}`, position };
    const key = tableKey(fault.schema, fault.table);
    this.#quarantined.set(key, quarantine);
    this.#unrecorded.set(key, quarantine);
    this.#joining.delete(key);
    return quarantine;
  }

  /** The first of the quarantines that begin with this unit. */
  beginningAt(unit: Unit): Quarantined | undefined {
    for (const [key, quarantine] of this.#unrecorded) {
      const entry = this.#entries.get(key);
      if (entry !== undefined && comparePositions(unit.first, quarantine.position) === 0) return { schema: entry.table.schema, name: entry.table.name, quarantine };
    }
    return undefined;
  }

  /** Writes down each quarantine that begins with this unit, in its SQLite transaction. */
  record(unit: Unit): void {
    for (const [key, quarantine] of this.#unrecorded) {
      const entry = this.#entries.get(key);
      if (entry === undefined || comparePositions(unit.first, quarantine.position) !== 0) continue;
      writeTable(this.#cache, { ...entry.table, joining: undefined, quarantine });
    }
  }

  /** Tables that joined are followed like the others once the cache has come to where their copy was taken (P3). */
  settle(lsn: Lsn): void {
    for (const { table } of this.#joining.values()) if (lsn >= table.joining!.lsn) this.#replace({ ...table, joining: undefined });
  }

  committed(position: Position): void {
    this.#changed = false;
    for (const [key, quarantine] of this.#unrecorded) if (comparePositions(quarantine.position, position) <= 0) this.#unrecorded.delete(key);
  }

  rolledBack(): void {
    if (this.#changed) {
      this.#entries = entriesOf(readTables(this.#cache));
      this.#byOid = byOid(this.#entries);
      this.#joining = joiningOf(this.#entries);
      for (const key of this.#quarantined.keys()) this.#joining.delete(key);
      this.#changed = false;
    }
    for (const { writer } of this.#entries.values()) writer?.reset();
  }

  /** The table, where its lines in this transaction count: it is ours, not out, and has not copied the transaction. */
  #entry(schema: string, name: string, unit: Transaction): Entry | undefined {
    const key = tableKey(schema, name);
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#isOut(key, unit.first)) return undefined;
    return entry.snapshot !== undefined && isVisible(entry.snapshot, unit.xid) ? undefined : entry;
  }

  #isOut(key: string, at: Position): boolean {
    const quarantine = this.#quarantined.get(key);
    return quarantine !== undefined && comparePositions(at, quarantine.position) >= 0;
  }

  #writerOf(table: CacheTable): TableWriter {
    const isFoundByHash = table.key.length === 0 && this.#options.absent === 'unchanged' && (wantsRowIndex(table) || hasRowIndex(this.#cache, table));
    if (isFoundByHash) this.#changed = true; // it may make its hashes, which a rollback undoes
    const writer = isFoundByHash ? new KeylessTable(this.#cache, table) : new KeyedTable(this.#cache, table, this.#options.absent);
    return table.choice.where === undefined ? writer : new FilteredTable(this.#cache, writer);
  }

  #replace(table: CacheTable): void {
    writeTable(this.#cache, table);
    const entry = entryOf(table);
    const key = tableKey(table.schema, table.name);
    this.#entries.set(key, entry);
    this.#byOid.set(table.oid, entry);
    if (table.joining === undefined) this.#joining.delete(key);
    this.#changed = true;
  }
}

function lostTo(table: CacheTable, tables: string | undefined, byLeaf: boolean): TableFault | undefined {
  const place = { schema: table.schema, table: table.name };
  if (!isFollowed(tables, table.schema, table.name)) return new TableFault(place, `deltastream follows it no longer: it runs with --tables ${tables}`, 'start deltastream with this table among its --tables');
  if (table.kind === 'partitioned' && byLeaf) return new TableFault(place, 'its rows come under the names of its partitions: deltastream runs with --partitions leaf', 'start deltastream with --partitions root');
  if (table.kind === 'leaf' && !byLeaf) return new TableFault(place, 'its rows come under the name of its root: deltastream runs with --partitions root', 'start deltastream with --partitions leaf');
  return undefined;
}

function entriesOf(tables: readonly CacheTable[]): Map<string, Entry> {
  return new Map(tables.map((table) => [tableKey(table.schema, table.name), entryOf(table)]));
}

function entryOf(table: CacheTable): Entry {
  return { table, snapshot: table.joining && parseSnapshot(table.joining.snapshot), writer: undefined };
}

function joiningOf(entries: ReadonlyMap<string, Entry>): Map<string, Entry> {
  return new Map([...entries].filter(([, { table }]) => table.joining !== undefined));
}

function byOid(entries: ReadonlyMap<string, Entry>): Map<number, Entry> {
  // A table in quarantine may have the oid of one that has its name now.
  return new Map([...entries.values()].filter(({ table }) => table.quarantine === undefined).map((entry) => [entry.table.oid, entry]));
}
