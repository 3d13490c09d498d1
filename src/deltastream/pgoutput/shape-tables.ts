/** All tables that the log may have spoken of: those of this session, and those that were there when it began. */
import type { Following } from '../../daystream/following.js';
import { describeState } from '../../postgres/relation-state.js';
import type { ShapeSource } from '../../postgres/shape-source.js';
import { onlyFollowed, type CatalogState } from '../catalog-state.js';
import type { Place } from './shape-lines.js';
import { ToldTable, type Marks } from './shape-table.js';

/** Above this, a table that changes before the session has spoken of it is copied. */
const BASELINE_LIMIT = 2000;
const BASELINE_STEP = 200;

interface Before {
  readonly isKnown: boolean;
  readonly isTrusted: boolean;
  /** As the log called it last. */
  readonly place: Place;
  readonly marks: Marks | undefined;
}

export class ToldTables {
  readonly #tables = new Map<number, ToldTable>();
  readonly #before = new Map<number, Before>();

  /** `told`: what the log was last told of the catalog; `isNew`: the log has nothing yet, and no reader. */
  async read(source: ShapeSource, following: Following, told: CatalogState | undefined, isNew: boolean, generated: boolean): Promise<void> {
    const names = isNew ? {} : told?.seen?.names ?? {};
    for (const [oid, [schema, table]] of Object.entries(names)) this.#before.set(Number(oid), { isKnown: true, isTrusted: false, place: { schema, table }, marks: told?.seen?.marks[oid] });
    for (const { oid, schema, table, hash, own } of onlyFollowed(await source.prints(following.partitions), following.tables)) {
      const place = this.#before.get(oid)?.place ?? { schema, table };
      if (own) this.#before.set(oid, { isKnown: isNew || told === undefined || oid in told.prints, isTrusted: isNew || told?.prints[oid] === hash, place, marks: told?.seen?.marks[oid] });
    }
    const trusted = [...this.#before].filter(([, { isTrusted }]) => isTrusted).map(([oid]) => oid);
    for (let from = 0; from < Math.min(trusted.length, BASELINE_LIMIT); from += BASELINE_STEP) {
      const { states } = await source.look(trusted.slice(from, from + BASELINE_STEP));
      for (const [oid, state] of states) {
        // What is as it was told: a change that comes is then known for one, however late it is read.
        const table = this.of(oid);
        table.become(state, describeState(state, following.partitions, generated));
        table.marks ??= { filenode: state.filenode, attributes: state.attributes };
        table.isUnlogged = state.relkind === 'r' && state.persistence === 'u';
      }
    }
  }

  of(oid: number): ToldTable {
    let table = this.#tables.get(oid);
    if (table === undefined) {
      const before = this.#before.get(oid);
      table = new ToldTable(oid, before?.isKnown ?? false, before?.isTrusted ?? true);
      if (table.isKnown) table.place = before?.place;
      table.marks = before?.marks;
      this.#tables.set(oid, table);
    }
    return table;
  }

  /** The table, where there is anything to know of it. */
  get(oid: number): ToldTable | undefined {
    return this.#tables.has(oid) || this.#before.has(oid) ? this.of(oid) : undefined;
  }

  /** Those that readers may have. */
  get known(): number[] {
    return [...new Set([...this.#tables.keys(), ...this.#before.keys()])].filter((oid) => (this.#tables.get(oid) ?? this.#before.get(oid))?.isKnown === true);
  }

  /** The log has nothing more of it. */
  forget(oid: number): void {
    this.#before.delete(oid);
    this.#tables.delete(oid);
  }

  /** The log may have less than was said; and of those that were stale, another reason or none: they are copied once more. */
  unsay(stale: readonly number[]): void {
    for (const oid of stale) {
      const table = this.get(oid); // unless it was dropped since
      if (table !== undefined) table.isTrusted = false;
    }
    for (const table of this.#tables.values()) table.schema = table.indexes = table.comments = undefined;
  }

  /** What was said is in no log. */
  takeBack(): void {
    for (const table of this.#tables.values()) table.state = table.schema = table.indexes = table.comments = undefined;
  }
}
