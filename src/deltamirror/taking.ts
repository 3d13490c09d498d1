/** Whole transactions by the native engine, in the place of reader and applier (native/units.h), and the lines that it has done of one that TypeScript finishes. */
import { comparePositions, ORIGIN } from '../daystream/position.js';
import type { Place } from '../daystream/reader.js';
import type { Unit } from '../daystream/unit.js';
import type { CachePosition } from '../sqlite/position.js';
import type { Plans } from './plans.js';

interface Part {
  readonly segment: string;
  readonly start: number;
  readonly bytes: number;
  readonly lines: number;
}

export interface Taken {
  readonly place: Place;
  readonly at: CachePosition;
  readonly transactions: number;
  readonly rows: number;
}

export class Taking {
  readonly #plans: Plans;
  #part: Part | undefined;
  #isCalled = false;

  constructor(plans: Plans) {
    this.#plans = plans;
  }

  /** True while a transaction is done in part. */
  get isMidway(): boolean { return this.#isCalled || this.#part !== undefined; }

  /** Where the reader stands elsewhere than the cache, TypeScript knows what the cache has. */
  isReady(at: CachePosition, { position }: Place): boolean {
    return !this.isMidway && comparePositions(position, at.position) === 0 && comparePositions(position, ORIGIN) > 0 && this.#plans.areReadyForUnits();
  }

  /** Inside the open SQLite transaction. `xid`: an import may have seen transactions with a lesser one. */
  take(block: Buffer, from: number, place: Place, at: CachePosition, xid = 0n): Taken {
    this.#isCalled = true; // stays so where the call throws
    const done = this.#plans.native.units(block, from, { ...place.position, crc: place.crc, lsn: at.lsn, xid });
    this.#isCalled = false;
    const offset = place.offset + done.bytes;
    if (done.lines > 0) this.#part = { segment: place.segment, start: offset, bytes: done.lineBytes, lines: done.lines };
    if (done.transactions === 0) return { place, at, transactions: 0, rows: 0 };
    const position = { clock: done.clock, sequence: done.sequence };
    return {
      place: { segment: place.segment, offset, crc: done.crc, position },
      at: { ...at, position, crc: done.crc, lsn: done.lsn, commitTimeUs: done.commitTimeUs, sourceTimeUs: Math.max(at.sourceTimeUs, done.newestTimeUs) },
      transactions: done.transactions,
      rows: done.rows,
    };
  }

  /** What is done of this unit already. */
  partOf({ segment, start }: Unit): Pick<Part, 'bytes' | 'lines'> | undefined {
    if (this.#part === undefined) return undefined;
    if (this.#part.segment !== segment || this.#part.start !== start) throw new Error(`${segment}:${start} comes behind half a transaction at ${this.#part.start}`);
    return this.#part;
  }

  /** When that unit is finished. */
  finished(): void {
    this.#part = undefined;
  }

  rolledBack(): void {
    this.#part = undefined;
    this.#isCalled = false;
    this.#plans.forget();
  }
}
