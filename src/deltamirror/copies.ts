/**
 * Copies of tables that come through the log (docs/format.md, "Copy"). The rows gather
 * in a table beside, part by part; what the log says of the table meanwhile is kept.
 * With the last part the new table takes the old one's place and what was kept is
 * applied to it, in one SQLite transaction: a reader sees the old rows or the new ones.
 */
import { decodeLine } from '../daystream/codec.js';
import { decodeComments, decodeIndexes, decodeRelation, PUBLIC, type Relation } from '../daystream/relation.js';
import { text } from '../daystream/segment.js';
import { contains, parseSnapshot, type Snapshot } from '../daystream/snapshot.js';
import type { Copy } from '../daystream/unit.js';
import { createTable, swapTable, type Lost } from '../sqlite/alter.js';
import { copyName, dropCopy, dropKept } from '../sqlite/copies.js';
import { cacheName, unheldName } from '../sqlite/names.js';
import { isTaken } from '../sqlite/objects.js';
import type { Cache } from '../sqlite/open.js';
import type { CacheTable, Copying } from '../sqlite/tables.js';
import { FilteredTable } from './filtered.js';
import { altering, TableFault } from './fault.js';
import type { Quarantines } from './quarantines.js';
import type { Entry, Registry } from './registry.js';
import { chosenComments, chosenIndexes, moved, newTable, placeOf, renamedTo, requireNames, reshaped } from './shape.js';
import { KeyedTable, type TableWriter } from './table.js';

export interface CopyOptions {
  /** What the import of the whole cache has seen. */
  readonly imported: () => Snapshot | undefined;
  readonly note: (text: string) => void;
}

export class Copies {
  readonly #cache: Cache;
  readonly #registry: Registry;
  readonly #quarantines: Quarantines;
  readonly #options: CopyOptions;
  /** Of the copy whose part came last. */
  #writer: { readonly id: string; readonly writer: TableWriter } | undefined;

  constructor(cache: Cache, registry: Registry, quarantines: Quarantines, options: CopyOptions) {
    this.#cache = cache;
    this.#registry = registry;
    this.#quarantines = quarantines;
    this.#options = options;
  }

  /** Part 0: `lines` state the table, or why there is no copy of it. */
  begin(unit: Copy, lines: readonly string[]): void {
    const [first, ...rest] = lines.map(decodeLine);
    if (first.own.get('_action') === 'quarantine') return this.#refused(unit, Number(text(first, '_oid')), first.own.get('_schema') ?? PUBLIC, text(first, '_table'), text(first, '_reason'), text(first, '_cure'));
    const relation = decodeRelation(first);
    const entry = this.#registry.of(relation.oid);
    const quarantine = this.#quarantines.of(relation.oid, unit.first);
    if (quarantine !== undefined) {
      if (entry === undefined) this.#registry.put({ ...this.#nameless(newTable(relation, { ...this.#registry.chosenBy(relation.schema, relation.table)!, keeps: undefined })), quarantine });
      return;
    }
    if (!this.#isWanted(unit, entry, relation)) return;
    let table = this.#planned(entry, relation);
    for (const line of rest) {
      if (line.own.get('_action') === 'indexes') table = { ...table, indexes: chosenIndexes(table, decodeIndexes(line)) };
      if (line.own.get('_action') === 'comments') table = { ...table, comments: chosenComments(table, decodeComments(line)) };
    }
    dropCopy(this.#cache, relation.oid);
    requireNames(table);
    createTable(this.#cache, { ...table, table: copyName(relation.oid), indexes: [] });
    const copy: Copying = { id: unit.id, snapshot: unit.snapshot ?? '', next: 1, table };
    const reason = entry?.table.waiting?.reason ?? entry?.table.quarantine?.reason ?? 'it is copied anew';
    const stands = entry?.table ?? this.#nameless(table);
    this.#registry.put({ ...stands, joining: undefined, quarantine: undefined, waiting: { reason, position: unit.first, copy } });
    this.#options.note(`a copy of ${relation.schema}.${relation.table} comes in`);
  }

  /** What takes the rows of a part; undefined where the part is none of ours. */
  part(unit: Copy): TableWriter | undefined {
    const entry = this.#under(unit);
    if (entry === undefined) return undefined;
    const { copy } = entry.table.waiting!;
    if (this.#writer?.id !== copy!.id) {
      const table: CacheTable = { ...copy!.table, table: copyName(entry.table.oid) };
      const keyed = new KeyedTable(this.#cache, table, 'unchanged');
      this.#writer = { id: copy!.id, writer: table.choice.where === undefined ? keyed : new FilteredTable(this.#cache, keyed) };
    }
    return this.#writer!.writer;
  }

  /** After a part's rows. */
  took(unit: Copy): void {
    const { table } = this.#under(unit)!;
    const { copy } = table.waiting!;
    this.#registry.put({ ...table, waiting: { ...table.waiting!, copy: { ...copy!, next: unit.part + 1 } } });
  }

  /** After the last part: the copy takes its place. Gives the table; what was kept is still to be applied. */
  finish(unit: Copy): CacheTable | undefined {
    const entry = this.#under({ ...unit, part: unit.part + 1 });
    if (entry === undefined) return undefined;
    const { table: before } = entry;
    const { copy } = before.waiting!;
    const isHeld = isTaken(this.#cache, before.table);
    const planned = copy!.table;
    const { schema, name } = before.schema === '' ? planned : before;
    const after: CacheTable = { ...planned, schema, name, table: renamedTo(isHeld ? before : planned, schema, name), indexes: (planned.indexes ?? []).map((index) => moved(index, planned.schema, schema)) };
    if (this.#isAnothers(after)) throw new TableFault(after, 'another table has its name');
    const lost = altering(after, () => swapTable(this.#cache, isHeld ? before : undefined, { ...after, table: copyName(before.oid) }, after));
    this.#registry.put(after);
    this.#writer = undefined;
    this.#tell(after, lost);
    return after;
  }

  /** When what was kept is applied. */
  end(oid: number): void {
    dropKept(this.#cache, oid);
    const entry = this.#registry.of(oid);
    if (entry !== undefined) this.#options.note(`${placeOf(entry.table)} is as the copy has it`);
  }

  rolledBack(): void {
    this.#writer = undefined;
  }

  /** The table whose copy goes on with this part. */
  #under(unit: Copy): Entry | undefined {
    return this.#registry.all().find((entry) => {
      const copy = entry.table.waiting?.copy;
      return copy !== undefined && copy.id === unit.id && copy.next === unit.part && !this.#quarantines.isOut(entry, unit.first);
    });
  }

  #isWanted(unit: Copy, entry: Entry | undefined, { schema, table }: Relation): boolean {
    const imported = this.#options.imported();
    const seen = parseSnapshot(unit.snapshot ?? '');
    // What an import that saw all that the copy saw has not taken was not there any more.
    if (entry === undefined) return this.#registry.chosenBy(schema, table) !== undefined && !(imported !== undefined && contains(imported, seen));
    const isWhole = entry.table.waiting === undefined && entry.table.quarantine === undefined;
    if (isWhole && unit.to === 'missing') return false;
    // An import that saw all that the copy saw is newer than the copy.
    const newer = entry.table.joining === undefined ? imported : parseSnapshot(entry.table.joining.snapshot);
    return !(isWhole && newer !== undefined && contains(newer, seen));
  }

  /** A table without rows. Where another one still has its name, as the log has it up to here, it has none: a line that names it comes. */
  #nameless(table: CacheTable): CacheTable {
    const named = this.#isAnothers(table) ? { ...table, schema: '', name: `#${table.oid}` } : table;
    return { ...named, table: unheldName(named) };
  }

  #isAnothers({ schema, name, oid }: CacheTable): boolean {
    const holder = this.#registry.named(schema, name);
    return holder !== undefined && holder.table.oid !== oid;
  }

  #planned(entry: Entry | undefined, relation: Relation): CacheTable {
    if (entry === undefined) return newTable(relation, this.#registry.chosenBy(relation.schema, relation.table)!);
    const { joining: _, waiting: __, quarantine: ___, ...table } = reshaped(entry.table, relation);
    return isTaken(this.#cache, entry.table.table) ? table : { ...table, table: cacheName(relation.schema, relation.table) };
  }

  #refused(unit: Copy, oid: number, schema: string, name: string, reason: string, cure: string): void {
    const entry = this.#registry.of(oid);
    if (entry !== undefined && entry.table.waiting === undefined) return;
    const chosen = this.#registry.chosenBy(schema, name);
    if (entry === undefined && chosen === undefined) return;
    const quarantine = this.#quarantines.of(oid, unit.first);
    if (quarantine === undefined) throw new TableFault(entry?.table ?? { schema, name, oid }, reason, cure);
    const unknown = { schema, table: name, oid, kind: 'ordinary', identity: 'default', key: [], columns: [] } as const;
    if (entry === undefined) this.#registry.put({ ...this.#nameless(newTable(unknown, { ...chosen!, keeps: undefined })), quarantine });
  }

  #tell(table: CacheTable, lost: readonly Lost[]): void {
    for (const { kind, name, reason } of lost) this.#options.note(`${kind} ${name} could not be kept as ${placeOf(table)} was copied: ${reason}`);
  }
}
