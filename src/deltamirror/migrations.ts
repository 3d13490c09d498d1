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
import { alterTable, createTable, dropTable, renameTable, swapTable, type Lost } from '../sqlite/alter.js';
import { isExact, parsePatterns, written } from '../daystream/pattern.js';
import { dropCopy } from '../sqlite/copies.js';
import { importCommand } from '../sqlite/cure.js';
import { quote } from '../sqlite/names.js';
import { isTaken } from '../sqlite/objects.js';
import type { Cache } from '../sqlite/open.js';
import { heldColumns, type CacheTable } from '../sqlite/tables.js';
import { affinityOf, valueOf, type Bindable } from '../sqlite/values.js';
import { altering, TableFault } from './fault.js';
import type { Quarantines } from './quarantines.js';
import type { Entry, Registry } from './registry.js';
import { retypeOf, type Retype } from './retype.js';
import type { Scope } from './scope.js';
import { chosenComments, chosenIndexes, newTable, placeOf, renamedTo, requireNames, reshaped, unheldName } from './shape.js';

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
  /** Why they go at the transaction's end, where the log has said so. */
  readonly #leaving = new Map<number, string>();

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
  drop(oid: number, scope: Scope, why = 'was dropped'): void {
    const entry = this.#registry.of(oid);
    if (entry === undefined || isCopied(entry, scope)) return;
    const { table } = entry;
    dropCopy(this.#cache, oid);
    if (this.#options.keepDropped && !this.#aside.has(oid)) {
      this.#registry.put({ ...table, joining: undefined, waiting: undefined, quarantine: { reason: DROPPED, cure: `to be rid of it: DROP TABLE ${quote(table.table)}`, position: scope.position } });
      return this.#options.note(`${placeOf(table)} ${why}; its rows stay as they were`);
    }
    // What an application has made on it goes to a table that takes its name before the transaction ends.
    if (!this.#aside.has(oid)) this.#standAside(table);
    this.#leaving.set(oid, why);
  }

  /** A `stale` line: the table stands still until a copy comes. */
  stale(oid: number, reason: string, scope: Scope): void {
    const table = this.#followed(oid, scope);
    if (table === undefined) return;
    this.#registry.put({ ...table, joining: undefined, waiting: { reason, position: scope.position } });
    this.#options.note(`${placeOf(table)} waits for a copy: ${reason}`);
  }

  /** At the end of a transaction: who still stands aside is gone, dropped or without a word, since its name is another table's. */
  settle(): void {
    for (const [oid, name] of this.#aside) {
      const { table } = this.#registry.of(oid)!;
      const heir = this.#registry.named(table.schema, table.name)?.table;
      this.#registry.remove(oid);
      this.#options.note(`${placeOf(table)} ${this.#leaving.get(oid) ?? 'is gone: its name is another table\'s'}`);
      if (!isTaken(this.#cache, name)) dropCopy(this.#cache, oid);
      else if (heir?.table === table.table && isTaken(this.#cache, heir.table)) this.#tell(heir, altering(heir, () => swapTable(this.#cache, { ...table, table: name }, heir, heir)));
      else this.#tell(table, dropTable(this.#cache, { ...table, table: name }, isTaken(this.#cache, table.table) ? name : table.table));
    }
    this.#aside.clear();
    this.#leaving.clear();
  }

  rolledBack(): void {
    this.#aside.clear();
    this.#leaving.clear();
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
      requireNames(table);
      altering(table, () => createTable(this.#cache, table));
      this.#registry.put(table);
      this.#options.note(`${placeOf(table)} is new`);
    } else {
      this.#registry.put({ ...table, table: unheldName(table), waiting: { reason: 'no copy of it has come yet', position: scope.position } });
    }
  }

  #alter(before: CacheTable, after: CacheTable, relation?: Relation): void {
    this.#claimName(after);
    const physical = this.#physical(before);
    requireNames(after);
    requireHeld(before, after);
    const lost = altering(after, () => alterTable(this.#cache, physical, after, { missing: missingOf(after, before, relation), convert: conversionsOf(before, after) }));
    this.#aside.delete(after.oid);
    this.#registry.put(after);
    this.#tell(after, lost);
  }

  /** A table that was asked for by its name stays under a new one, which is asked for from then on; one that a star chose leaves what the star covers. */
  #isStillChosen(table: CacheTable, { schema, table: name }: Relation): boolean {
    if (this.#registry.chosenBy(schema, name) !== undefined || (table.schema === schema && table.name === name)) return true;
    const [pattern] = parsePatterns(table.pattern);
    if (isExact(pattern)) this.#registry.choose(written(schema, name), table.choice.numeric);
    return isExact(pattern);
  }

  #leave(table: CacheTable, relation: Relation, scope: Scope): void {
    const { schema, table: name } = relation;
    this.drop(table.oid, scope, `was renamed to ${schema}.${name}, which no pattern of this cache chooses; to have it: ${importCommand(this.#cache.name, schema, name)}`);
    const holder = this.#registry.named(relation.schema, relation.table);
    if (holder !== undefined) this.#standAside(holder.table);
  }

  /** A table that stands still keeps its rows and columns, and follows its name. */
  #rename({ table }: Entry, relation: Relation): void {
    const isSame = table.schema === relation.schema && table.name === relation.table;
    if (isSame && !this.#aside.has(table.oid)) return;
    const renamed = { ...table, schema: relation.schema, name: relation.table };
    const physical = this.#physical(table).table;
    const isHeld = isTaken(this.#cache, physical);
    const name = isHeld ? renamedTo(table, renamed.schema, renamed.name) : unheldName(renamed);
    const after = { ...renamed, table: name };
    this.#claimName(after);
    if (name !== physical && isHeld) {
      requireNames(after);
      this.#tell(after, altering(after, () => renameTable(this.#cache, physical, name)));
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
    if (isTaken(this.#cache, table.table)) this.#tell(table, renameTable(this.#cache, table.table, name));
    if (!isLeftOver) {
      this.#aside.set(table.oid, name);
      return;
    }
    this.#registry.remove(table.oid);
    this.#options.note(`${placeOf(table)}, which was dropped, is called ${name} now: another table has its name`);
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
  const rounded = heldColumns(before).find(({ attnum, type, numeric }) => after.key.includes(attnum) && affinityOf(type, numeric) !== affinityOf(type));
  if (rounded !== undefined) throw new TableFault(after, `its key has column ${rounded.name} now, which the cache holds rounded`);
}

/** How stored values become those of a column's new type, where they do not stay. */
function conversionsOf(before: CacheTable, after: CacheTable): Map<number, NonNullable<Retype>> {
  const held = new Map(heldColumns(before).map((column) => [column.attnum, column]));
  return new Map(heldColumns(after).flatMap(({ attnum, type, numeric }) => {
    const was = held.get(attnum);
    const retype = was === undefined || (was.type === type && was.numeric === numeric) ? undefined : retypeOf(was, { type, numeric });
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
