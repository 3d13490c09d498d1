/**
 * Tables that go out. What a unit has done is undone when a table cannot take it; then
 * it is done again without the table, which is in quarantine from that unit on, while
 * what comes before it is still applied.
 */
import { comparePositions, type Position } from '../daystream/position.js';
import type { Unit } from '../daystream/unit.js';
import type { Quarantine } from '../sqlite/tables.js';
import type { TableFault } from './fault.js';
import type { Entry } from './registry.js';

/** A table and why it is out. */
export interface Quarantined {
  readonly schema: string;
  readonly name: string;
  readonly quarantine: Quarantine;
}

const NONE: readonly (readonly [oid: number, Quarantined])[] = [];

export class Quarantines {
  /** By oid, those that are written down with the first unit without them, which is still to come. */
  readonly #pending = new Map<number, Quarantined>();
  /** What to type to have a table again; `table` is given as a pattern. */
  readonly #cure: (schema: string, table: string) => string;
  /** Rises with every change of those that are pending. */
  version = 0;

  constructor(cure: (schema: string, table: string) => string) {
    this.#cure = cure;
  }

  /** Puts a table out from the unit at `position` on. */
  exclude(fault: TableFault, position: Position): Quarantine {
    const quarantine = { reason: fault.reason, cure: this.#cureOf(fault), position };
    this.version++;
    this.#pending.set(fault.oid, { schema: fault.schema, name: fault.table, quarantine });
    return quarantine;
  }

  /** A copy through the log brings the table back by itself. */
  #cureOf({ schema, table, cure }: TableFault): string {
    const again = this.#cure(schema, table);
    if (cure === undefined || cure === '') return again;
    return cure.includes('deltastream reload ') ? cure : `${cure}; then ${again}`;
  }

  isOut({ table }: Entry, at: Position): boolean {
    return table.quarantine !== undefined || this.of(table.oid, at) !== undefined;
  }

  /** The quarantine of a table that begins with the unit at this position, or began since the last commit. */
  of(oid: number, at: Position): Quarantine | undefined {
    const pending = this.#pending.get(oid);
    return pending !== undefined && comparePositions(at, pending.quarantine.position) >= 0 ? pending.quarantine : undefined;
  }

  /** True where a table goes out, from some unit on. */
  isPending(oid: number): boolean {
    return this.#pending.has(oid);
  }

  get arePending(): boolean { return this.#pending.size > 0; }

  /** Those that begin with this unit, by oid. */
  beginningAt(unit: Unit): readonly (readonly [oid: number, Quarantined])[] {
    return this.#pending.size === 0 ? NONE : [...this.#pending].filter(([, { quarantine }]) => comparePositions(unit.first, quarantine.position) === 0);
  }

  committed(position: Position): void {
    for (const [oid, { quarantine }] of this.#pending) {
      if (comparePositions(quarantine.position, position) > 0) continue;
      this.version++;
      this.#pending.delete(oid);
    }
  }
}
