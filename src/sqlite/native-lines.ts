/** Lines of the log into tables by the native engine (native/rows.h), which does what it was told how to do and stops before all else. */
import { hasNative } from './native.js';
import type { Cache, Statement } from './open.js';

export type PlannedAction = 'insert' | 'update' | 'delete';

/** How lines of one action with these columns are applied. */
export interface NativePlan {
  readonly action: PlannedAction;
  /** `name TAB` of each column, as on the wire. */
  readonly keys: readonly string[];
  /** A letter for each (native-kinds.ts). */
  readonly kinds: string;
  /** For each the index of the parameter that its value goes to, -1 where it is not wanted. */
  readonly targets: readonly number[];
  /** Changes one row, by one value for each parameter. */
  readonly sql: string;
  /** The same with less work where it changes the row (rows.ts); empty where there is none. */
  readonly guarded: string;
}

/** Which block: units as they were read, or the lines of one unit. */
const UNITS = 0;
const LINES = 1;
const BYTES_BITS = 30;
/** The engine has limits of its own, above these. */
const MANY_PLANS = 1000;
const MANY_TABLES = 10_000;
/** Larger blocks are TypeScript's: SQLite takes a copy, and so does the engine. */
export const NATIVE_BLOCK_BYTES = 16 << 20;

/** Where reader and cache stand, in the order of native/units.h. */
export interface NativePlace {
  readonly clock: number;
  readonly sequence: number;
  readonly crc: number;
  /** Transactions that begin before it, or have a lesser xid, are TypeScript's. */
  readonly lsn: bigint;
  readonly xid: bigint;
}

/** What was done: whole transactions, and lines of the one behind them. */
export interface NativeUnits extends Omit<NativePlace, 'xid'> {
  readonly bytes: number;
  /** Of the last one and of the newest one, µs since 1970 UTC. */
  readonly commitTimeUs: number;
  readonly newestTimeUs: number;
  readonly transactions: number;
  readonly rows: number;
  readonly lineBytes: number;
  readonly lines: number;
}

export class NativeLines {
  readonly #plan: Statement;
  readonly #skip: Statement;
  readonly #forget: Statement;
  readonly #block: Statement;
  readonly #rows: Statement;
  readonly #units: Statement;
  readonly #plans = new Set<NativePlan>();
  readonly #skipped = new Set<string>();
  /** The blocks that were given last, and those that are kept. */
  readonly #asked: [units: Buffer | undefined, lines: Buffer | undefined] = [undefined, undefined];
  readonly #held: [units: Buffer | undefined, lines: Buffer | undefined] = [undefined, undefined];

  /** Undefined where the engine is not there. */
  static open(cache: Cache): NativeLines | undefined {
    return hasNative(cache) ? new NativeLines(cache) : undefined;
  }

  private constructor(cache: Cache) {
    const prepare = (call: string) => cache.prepare(`SELECT deltamirror_${call}`).pluck();
    this.#plan = prepare('plan(?, ?, ?, ?, ?, ?, ?)');
    this.#skip = prepare('skip(?)');
    this.#forget = prepare('forget()');
    this.#block = prepare('block(?, ?)');
    this.#rows = prepare('rows(?, ?, ?)');
    this.#units = prepare('units(?, ?, ?)');
    this.#forget.get(); // the engine's plans are the connection's
  }

  get knowsAny(): boolean { return this.#plans.size + this.#skipped.size > 0; }

  /** From here on the engine does such lines of the table: `[_schema TAB s TAB] _table TAB t TAB`. */
  plan(table: string, plan: NativePlan): void {
    if (this.#plans.has(plan)) return;
    if (this.#plans.size >= MANY_PLANS) this.forget();
    const parameters = Int32Array.from(plan.targets, (target) => target + 1);
    this.#plan.get(...[table, plan.action, plan.keys.join(''), plan.kinds].map((text) => Buffer.from(text)), Buffer.from(parameters.buffer), Buffer.from(plan.sql), Buffer.from(plan.guarded));
    this.#plans.add(plan);
  }

  /** From here on the engine passes over the rows of the table. */
  skip(table: string): void {
    if (this.#skipped.has(table)) return;
    if (this.#skipped.size >= MANY_TABLES) this.forget();
    this.#skip.get(Buffer.from(table));
    this.#skipped.add(table);
  }

  /** What was said of tables does not hold any more. */
  forget(): void {
    if (!this.knowsAny) return;
    this.#forget.get();
    this.#plans.clear();
    this.#skipped.clear();
  }

  /** Does lines of the block from an offset on, each of which begins with the prefix and a sequence. Gives how far it came. */
  rows(block: Buffer, from: number, prefix: Buffer): { readonly bytes: number; readonly lines: number } {
    const packed = this.#rows.get(this.#given(LINES, block), from, prefix) as number;
    return { bytes: packed % 2 ** BYTES_BITS, lines: Math.floor(packed / 2 ** BYTES_BITS) };
  }

  /** Does transactions of the block from an offset on, which is where the log stands at `place`. */
  units(block: Buffer, from: number, { clock, sequence, crc, lsn, xid }: NativePlace): NativeUnits {
    const given = BigInt64Array.of(0n, BigInt(clock), BigInt(sequence), BigInt(crc), BigInt.asIntN(64, lsn), xid, 0n, 0n, 0n, 0n, 0n, 0n);
    const done = this.#units.get(this.#given(UNITS, block), from, Buffer.from(given.buffer)) as Buffer;
    const numbers = new BigInt64Array(new Uint8Array(done).buffer);
    const number = (index: number) => Number(numbers[index]);
    return {
      bytes: number(0), clock: number(1), sequence: number(2), crc: number(3), lsn: BigInt.asUintN(64, numbers[4]),
      commitTimeUs: number(6), newestTimeUs: number(7), transactions: number(8), rows: number(9), lineBytes: number(10), lines: number(11),
    };
  }

  /** A block is given once, which in most cases does, and is kept where it is asked for again: other bytes are another Buffer. */
  #given(which: typeof UNITS | typeof LINES, block: Buffer): Buffer | number {
    if (this.#held[which] === block) return which;
    if (this.#asked[which] !== block) return (this.#asked[which] = block);
    this.#block.get(which, block);
    this.#held[which] = block;
    return which;
  }
}
