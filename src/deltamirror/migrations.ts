/**
 * Schema changes: the cache's tables are made, altered and dropped as the log says, in
 * the SQLite transaction of the rows that follow.
 */
import { decodeComments, decodeIndexes, type Relation } from '../daystream/relation.js';
import type { Line } from '../daystream/codec.js';
import { isVisible } from '../daystream/snapshot.js';
import { alterTable, createTable, renameTable } from '../sqlite/alter.js';
import { isExact, parsePatterns, written } from '../daystream/pattern.js';
import { dropCopy } from '../sqlite/copies.js';
import { importCommand } from '../sqlite/cure.js';
import { quote, reservedBecause, unheldName } from '../sqlite/names.js';
import { isTaken } from '../sqlite/objects.js';
import type { Cache } from '../sqlite/open.js';
import { DROPPED, heldColumns, type CacheTable } from '../sqlite/tables.js';
import { affinityOf, valueOf, type Bindable } from '../sqlite/values.js';
import { altering, TableFault } from './fault.js';
import { Naming, type NamingOptions } from './naming.js';
import type { Quarantines } from './quarantines.js';
import type { Entry, Registry } from './registry.js';
import { retypeOf, type Retype } from './retype.js';
import type { Scope } from './scope.js';
import { chosenComments, chosenIndexes, newTable, placeOf, renamedTo, requireNames, reshaped } from './shape.js';

export class Migrations {
  readonly #cache: Cache;
  readonly #registry: Registry;
  readonly #quarantines: Quarantines;
  readonly #options: NamingOptions;
  readonly #naming: Naming;

  constructor(cache: Cache, registry: Registry, quarantines: Quarantines, options: NamingOptions) {
    this.#cache = cache;
    this.#registry = registry;
    this.#quarantines = quarantines;
    this.#options = options;
    this.#naming = new Naming(cache, registry, options);
  }

  /** A `schema` line, or a `create` line: a relation that is new and empty. */
  shape(relation: Relation, isNew: boolean, scope: Scope): void {
    const entry = this.#registry.of(relation.oid);
    if (entry === undefined) return this.#newcomer(relation, isNew, scope);
    // A copy that comes in has the shape that its snapshot saw, and yet goes by the names that lines have.
    if (entry.table.waiting?.copy === undefined && isCopied(entry, scope)) return;
    this.#choose(entry.table, relation);
    const { table } = entry;
    if (this.#quarantines.isOut(entry, scope.position) || table.waiting !== undefined) return this.#rename(entry, relation);
    const proper = this.#naming.proper(table);
    const after = reshaped(proper, relation);
    if (after !== proper || this.#naming.isAside(table.oid)) this.#alter(table, after, relation);
  }

  /** An `indexes` line. */
  indexes(oid: number, line: Line, scope: Scope): void {
    const table = this.#followed(oid, scope);
    if (table === undefined) return;
    const indexes = chosenIndexes(table, decodeIndexes(line));
    if (JSON.stringify(indexes) === JSON.stringify(table.indexes ?? [])) return;
    this.#alter(table, { ...this.#naming.proper(table), indexes });
    this.#naming.reindex(oid);
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
    this.#registry.keepChoice(table);
    if (this.#options.keepDropped && !this.#naming.isAside(oid)) {
      dropCopy(this.#cache, oid);
      this.#registry.put({ ...table, joining: undefined, waiting: undefined, quarantine: { reason: DROPPED, cure: `to be rid of it: DROP TABLE ${quote(table.table)}`, position: scope.position } });
      return this.#options.note(`${placeOf(table)} was dropped in Postgres; its rows stay as they were`);
    }
    // Not at once: what an application has made on it goes to a table that takes its name before the transaction ends.
    this.#naming.leave(oid, 'was dropped');
  }

  /** A `stale` line: the table stands still until a copy comes. */
  stale(oid: number, reason: string, scope: Scope): void {
    const table = this.#followed(oid, scope);
    if (table === undefined) return;
    this.#registry.put({ ...table, joining: undefined, waiting: { reason, position: scope.position } });
    this.#options.note(`${placeOf(table)} waits for a copy: ${reason}`);
  }

  /** At the end of a transaction: each table has the name that it is to have. Throws TableFault. */
  settle(): void {
    this.#naming.settle();
  }

  rolledBack(): void {
    this.#naming.reset();
  }

  /** A table whose state is told by what the log says now. */
  #followed(oid: number, scope: Scope): CacheTable | undefined {
    const entry = this.#registry.of(oid);
    if (entry === undefined || isCopied(entry, scope) || this.#quarantines.isOut(entry, scope.position)) return undefined;
    return entry.table.waiting === undefined ? entry.table : undefined;
  }

  #newcomer(relation: Relation, isNew: boolean, scope: Scope): void {
    const holder = this.#registry.named(relation.schema, relation.table);
    if (holder?.table.joining !== undefined && isCopied(holder, scope)) return;
    if (holder !== undefined) {
      this.#registry.keepChoice(holder.table);
      this.#naming.standAside(holder.table);
    }
    const chosen = this.#registry.chosenBy(relation.schema, relation.table);
    if (chosen === undefined) return;
    const quarantine = this.#quarantines.of(relation.oid, scope.position);
    if (quarantine !== undefined) {
      const table = newTable(relation, { ...chosen, keeps: undefined });
      this.#registry.put({ ...table, table: unheldName(table), quarantine });
      return;
    }
    const table = newTable(relation, chosen);
    if (!isNew) {
      this.#registry.put({ ...table, table: unheldName(table), waiting: { reason: 'no copy of it has come yet', position: scope.position } });
      return;
    }
    requireNames(table);
    const placed = this.#naming.place(table, undefined);
    altering(table, () => createTable(this.#cache, placed));
    this.#registry.put(placed);
    this.#options.note(`${placeOf(table)} is new`);
  }

  /** `after` by the name that it is to have. */
  #alter(before: CacheTable, after: CacheTable, relation?: Relation): void {
    this.#naming.claim(after);
    requireNames(after);
    requireHeld(before, after);
    const physical = this.#naming.physical(before);
    const placed = this.#naming.place(after, physical.table);
    const lost = altering(after, () => alterTable(this.#cache, physical, placed, { missing: missingOf(after, before, relation), convert: conversionsOf(before, after) }));
    this.#registry.put(placed);
    this.#naming.tell(after, lost);
  }

  /** A table that was asked for by its name stays under a new one, which is asked for from then on; one that a star chose leaves what the star covers. */
  #choose(table: CacheTable, { schema, table: name }: Relation): void {
    if (table.schema === schema && table.name === name) return;
    const [pattern] = parsePatterns(table.pattern);
    if (this.#registry.chosenBy(schema, name) === undefined && isExact(pattern)) this.#registry.choose(written(schema, name), table.choice.numeric);
    if (this.#registry.chosenBy(schema, name) !== undefined) this.#naming.stay(table.oid);
    else this.#naming.leave(table.oid, `was renamed to ${schema}.${name}, which no pattern of this cache chooses; to have it: ${importCommand(this.#cache.name, schema, name)}`);
  }

  /** A table that stands still keeps its rows and columns, and follows its name as far as SQLite can have it. */
  #rename({ table }: Entry, relation: Relation): void {
    const isSame = table.schema === relation.schema && table.name === relation.table;
    if (isSame && !this.#naming.isAside(table.oid)) return;
    const proper = this.#naming.proper(table);
    const renamed = { ...proper, schema: relation.schema, name: relation.table, table: renamedTo(proper, relation.schema, relation.table) };
    const unheld = { ...renamed, table: unheldName(renamed) };
    const [before, now] = [table, renamed].map(({ schema, name }) => importCommand(this.#cache.name, schema, name));
    const quarantine = table.quarantine && { ...table.quarantine, cure: table.quarantine.cure.replace(before, now) };
    this.#naming.claim(renamed);
    const physical = this.#naming.physical(table).table;
    const isHeld = isTaken(this.#cache, physical);
    const placed = this.#naming.place(isHeld && reservedBecause(renamed.table) === undefined ? renamed : unheld, physical);
    if (isHeld && placed.table !== physical) this.#naming.tell(placed, altering(placed, () => renameTable(this.#cache, physical, placed.table)));
    this.#registry.put({ ...placed, quarantine });
  }
}

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
