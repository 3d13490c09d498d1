/**
 * Schema changes: the cache's tables are made, altered and dropped as the log says, in
 * the SQLite transaction of the rows that follow.
 *
 * Tables swap names, and one comes under a name before the log has said where the other
 * that had it has gone. That one stands aside until the transaction's end: by then it
 * has another name, or is gone.
 */
import { decodeComments, decodeIndexes, type Relation } from '../daystream/relation.js';
import type { Line } from '../daystream/codec.js';
import { isVisible } from '../daystream/snapshot.js';
import { alterTable, AlterFailed, createTable, dropTable, renameTable, type Lost } from '../sqlite/alter.js';
import { isExact, parsePatterns, written } from '../daystream/pattern.js';
import { dropCopy } from '../sqlite/copies.js';
import { importCommand } from '../sqlite/cure.js';
import { quote } from '../sqlite/names.js';
import type { Cache } from '../sqlite/open.js';
import { hasObject, requireHoldable } from '../sqlite/schema.js';
import { heldColumns, type CacheTable } from '../sqlite/tables.js';
import { valueOf, type Bindable } from '../sqlite/values.js';
import { DeltaError } from '../errors.js';
import { TableFault } from './fault.js';
import type { Quarantines } from './quarantines.js';
import type { Entry, Registry } from './registry.js';
import { retypeOf, type Retype } from './retype.js';
import type { Scope } from './scope.js';
import { chosenComments, chosenIndexes, newTable, placeOf, renamedTo, reshaped, unheldName } from './shape.js';

export interface MigrationOptions {
  /** A table that was dropped stays as it was. */
  readonly keepDropped: boolean;
  /** Says what became of a table, once it is committed. */
  readonly note: (text: string) => void;
}

export class Migrations {
  readonly #cache: Cache;
  readonly #registry: Registry;
  readonly #quarantines: Quarantines;
  readonly #options: MigrationOptions;
  /** By oid, the names that tables bear in the cache while they stand aside. */
  readonly #aside = new Map<number, string>();

  constructor(cache: Cache, registry: Registry, quarantines: Quarantines, options: MigrationOptions) {
    this.#cache = cache;
    this.#registry = registry;
    this.#quarantines = quarantines;
    this.#options = options;
  }

  /** A `schema` line, or a `create` line: a relation that is new and empty. */
  shape(relation: Relation, isNew: boolean, scope: Scope): void {
    const entry = this.#registry.of(relation.oid);
    if (entry === undefined) return this.#newcomer(relation, isNew, scope);
    // A copy that comes in has the shape that its snapshot saw, and yet goes by the names that lines have.
    if (entry.table.waiting?.copy === undefined && isCopied(entry, scope)) return;
    if (!this.#isStillChosen(entry.table, relation)) return this.#leave(entry.table, relation, scope);
    const { table } = entry;
    if (this.#quarantines.isOut(entry, scope.position) || table.waiting !== undefined) return this.#rename(entry, relation);
    const after = reshaped(table, relation);
    if (after === table && !this.#aside.has(table.oid)) return;
    this.#alter(table, after, relation);
  }

  /** An `indexes` line. */
  indexes(oid: number, line: Line, scope: Scope): void {
    const table = this.#followed(oid, scope);
    if (table === undefined) return;
    const indexes = chosenIndexes(table, decodeIndexes(line));
    if (JSON.stringify(indexes) !== JSON.stringify(table.indexes ?? [])) this.#alter(table, { ...table, indexes });
  }

  /** A `comments` line. */
  comments(oid: number, line: Line, scope: Scope): void {
    const table = this.#followed(oid, scope);
    if (table === undefined) return;
    this.#registry.put({ ...table, comments: chosenComments(table, decodeComments(line)) });
  }

  /** A `drop` line. */
  drop(oid: number, scope: Scope): void {
    const entry = this.#registry.of(oid);
    if (entry === undefined || isCopied(entry, scope)) return;
    const { table } = entry;
    dropCopy(this.#cache, oid);
    if (this.#options.keepDropped && !this.#aside.has(oid)) {
      this.#registry.put({ ...table, joining: undefined, waiting: undefined, quarantine: { reason: DROPPED, cure: `to be rid of it: DROP TABLE ${quote(table.table)}`, position: scope.position } });
      return this.#options.note(`${placeOf(table)} was dropped in Postgres; its rows stay as they were`);
    }
    this.#registry.remove(oid);
    this.#tell(table, dropTable(this.#cache, this.#physical(table)));
    this.#aside.delete(oid);
    this.#options.note(`${placeOf(table)} was dropped`);
  }

  /** A `stale` line: the table stands still until a copy comes. */
  stale(oid: number, reason: string, scope: Scope): void {
    const table = this.#followed(oid, scope);
    if (table === undefined) return;
    this.#registry.put({ ...table, joining: undefined, waiting: { reason, position: scope.position } });
    this.#options.note(`${placeOf(table)} waits for a copy: ${reason}`);
  }

  /** At the end of a transaction: who still stands aside is gone, since its name is another table's. */
  settle(): void {
    for (const oid of this.#aside.keys()) {
      const { table } = this.#registry.of(oid)!;
      this.#registry.remove(oid);
      this.#tell(table, dropTable(this.#cache, this.#physical(table)));
      this.#options.note(`${placeOf(table)} is gone: its name is another table's`);
    }
    this.#aside.clear();
  }

  rolledBack(): void {
    this.#aside.clear();
  }

  /** The table with the name that it bears in the cache now. */
  #physical(table: CacheTable): CacheTable {
    return { ...table, table: this.#aside.get(table.oid) ?? table.table };
  }

  /** A table whose state is told by what the log says now. */
  #followed(oid: number, scope: Scope): CacheTable | undefined {
    const entry = this.#registry.of(oid);
    if (entry === undefined || isCopied(entry, scope) || this.#quarantines.isOut(entry, scope.position)) return undefined;
    return entry.table.waiting === undefined ? entry.table : undefined;
  }

  #newcomer(relation: Relation, isNew: boolean, scope: Scope): void {
    const holder = this.#registry.named(relation.schema, relation.table);
    if (holder?.table.joining !== undefined) {
      if (isCopied(holder, scope)) return;
      throw new TableFault(holder.table, 'another table has its name now: it was dropped and made anew, or renamed');
    }
    if (holder !== undefined) this.#standAside(holder.table);
    const chosen = this.#registry.chosenBy(relation.schema, relation.table);
    if (chosen === undefined) return;
    const table = newTable(relation, chosen);
    const quarantine = this.#quarantines.of(table.oid, scope.position);
    if (quarantine !== undefined) {
      this.#registry.put({ ...table, table: unheldName(table), quarantine });
    } else if (isNew) {
      this.#requireRoom(table, undefined);
      createTable(this.#cache, table);
      this.#registry.put(table);
      this.#options.note(`${placeOf(table)} is new`);
    } else {
      this.#registry.put({ ...table, table: unheldName(table), waiting: { reason: 'no copy of it has come yet', position: scope.position } });
    }
  }

  #alter(before: CacheTable, after: CacheTable, relation?: Relation): void {
    const place = { schema: after.schema, name: after.name, oid: after.oid };
    this.#claimName(after);
    const physical = this.#physical(before);
    this.#requireRoom(after, physical.table);
    requireHeld(before, after);
    try {
      const lost = alterTable(this.#cache, physical, after, { missing: missingOf(after, before, relation), convert: conversionsOf(before, after) });
      this.#aside.delete(after.oid);
      this.#registry.put(after);
      this.#tell(after, lost);
    } catch (error) {
      if (error instanceof AlterFailed) throw new TableFault(place, error.reason);
      throw error;
    }
  }

  /** A table that was asked for by its name stays under a new one, which is asked for from then on; one that a star chose leaves what the star covers. */
  #isStillChosen(table: CacheTable, { schema, table: name }: Relation): boolean {
    if (this.#registry.chosenBy(schema, name) !== undefined || (table.schema === schema && table.name === name)) return true;
    const [pattern] = parsePatterns(table.pattern);
    if (isExact(pattern)) this.#registry.choose(written(schema, name), table.choice.numeric);
    return isExact(pattern);
  }

  #leave(table: CacheTable, relation: Relation, scope: Scope): void {
    this.#options.note(`${placeOf(table)} was renamed to ${relation.schema}.${relation.table}, which no pattern of this cache chooses; to have it: ${importCommand(this.#cache.name, relation.schema, relation.table)}`);
    this.drop(table.oid, scope);
    const holder = this.#registry.named(relation.schema, relation.table);
    if (holder !== undefined) this.#standAside(holder.table);
  }

  /** A table that stands still keeps its rows and columns, and follows its name. */
  #rename({ table }: Entry, relation: Relation): void {
    const isSame = table.schema === relation.schema && table.name === relation.table;
    if (isSame && !this.#aside.has(table.oid)) return;
    const renamed = { ...table, schema: relation.schema, name: relation.table };
    const physical = this.#physical(table).table;
    const isHeld = hasObject(this.#cache, physical);
    const name = isHeld ? renamedTo(table, renamed.schema, renamed.name) : unheldName(renamed);
    const after = { ...renamed, table: name };
    this.#claimName(after);
    if (name !== physical && isHeld) {
      this.#requireRoom(after, physical);
      this.#tell(after, renameTable(this.#cache, physical, name));
    }
    this.#aside.delete(table.oid);
    this.#registry.put(after);
  }

  /** Whoever has the name in Postgres that the table has now gives way. */
  #claimName(after: CacheTable): void {
    const holder = this.#registry.named(after.schema, after.name);
    if (holder !== undefined && holder.table.oid !== after.oid) this.#standAside(holder.table);
  }

  #standAside(table: CacheTable): void {
    this.#registry.unname(table.oid);
    const isLeftOver = table.quarantine?.reason === DROPPED;
    const name = isLeftOver ? `${table.table} (dropped ${table.oid})` : `_daystream_aside_${table.oid}`;
    if (hasObject(this.#cache, table.table)) this.#tell(table, renameTable(this.#cache, table.table, name));
    if (!isLeftOver) {
      this.#aside.set(table.oid, name);
      return;
    }
    this.#registry.remove(table.oid);
    this.#options.note(`${placeOf(table)}, which was dropped, is called ${name} now: another table has its name`);
  }

  /** Throws TableFault where SQLite cannot hold the table under its name. `present`: what it is called now. */
  #requireRoom(table: CacheTable, present: string | undefined): void {
    try {
      requireHoldable([table]);
    } catch (error) {
      if (error instanceof DeltaError) throw new TableFault(table, error.message, error.hint);
      throw error;
    }
    if (table.table !== present && hasObject(this.#cache, table.table, present)) throw new TableFault(table, `the cache has another table or view of its name, ${table.table}`, `rename that one`);
  }

  #tell(table: CacheTable, lost: readonly Lost[]): void {
    for (const { kind, name, reason } of lost) {
      this.#options.note(kind === 'view' ? `view ${name} can no longer be read since ${placeOf(table)} changed: ${reason}` : `${kind} ${name} is gone, as ${placeOf(table)} changed: ${reason}`);
    }
  }
}

const DROPPED = 'it was dropped in Postgres';

/** True where what the transaction did to the table is in the copy of it. */
export function isCopied({ snapshot }: Entry, { xid }: Scope): boolean {
  return snapshot !== undefined && xid !== undefined && isVisible(snapshot, xid);
}

/** A key needs columns whose values the host did not want. */
function requireHeld(before: CacheTable, after: CacheTable): void {
  const unheld = before.columns.find(({ attnum, as }) => as === null && after.key.includes(attnum));
  if (unheld !== undefined) throw new TableFault(after, `its key has column ${unheld.name} now, which the cache does not hold`);
}

/** How stored values become those of a column's new type, where they do not stay. */
function conversionsOf(before: CacheTable, after: CacheTable): Map<number, NonNullable<Retype>> {
  const types = new Map(before.columns.map(({ attnum, type }) => [attnum, type]));
  return new Map(heldColumns(after).flatMap(({ attnum, type }) => {
    const was = types.get(attnum);
    const retype = was === undefined || was === type ? undefined : retypeOf(was, type);
    return retype === undefined ? [] : [[attnum, retype] as const];
  }));
}

/** What rows hold that are older than a column. */
function missingOf(after: CacheTable, before: CacheTable, relation: Relation | undefined): Map<number, Bindable | null> {
  const old = new Set(before.columns.map(({ attnum }) => attnum));
  const values = new Map(relation?.columns.map(({ attnum, missing }) => [attnum, missing]));
  return new Map(heldColumns(after).filter(({ attnum }) => !old.has(attnum)).map(({ attnum, type, numeric }) => {
    const missing = values.get(attnum);
    return [attnum, missing === undefined ? null : valueOf(type, numeric)(missing)];
  }));
}
