/**
 * Reads units from a place in the log on, each verified before it is given out.
 *
 * The reader stands behind the last whole unit. It reads a block, gives out each unit
 * whose chain value fits, and keeps the bytes behind them for the next block. Where the
 * value does not fit, the bytes may be a torn tail that the writer has cut and written
 * anew since, or a network's: the reader goes back to the last whole unit and reads
 * again, as often as the transport's patience is; if it still does not fit, the log is
 * damaged (docs/format.md §5). At the end of a segment it goes on to the next one, whose
 * open line must name this one's end.
 */
import { DeltaError } from '../errors.js';
import { hasOpenLine, readOpenLine, withLastLine } from './backward.js';
import { giveRest, isOfLog } from './patience.js';
import { comparePositions, follows, formatPosition, ORIGIN, type Position } from './position.js';
import { decodeHeader } from './segment.js';
import type { Transport } from './transport.js';
import { chain, decodeUnit, findTrailer, trailerCrc, TRAILER_BYTES, type Piece, type Unit } from './unit.js';

/** Bytes read at once. A unit that does not fit is checked in pieces and read again for its lines. */
export const BLOCK_BYTES = 1 << 20;

/** More than nearly any commit line has: the end of a piece that is looked at again with the next, so that a large unit's last line is whole in one piece. */
const OVERLAP_BYTES = 4096;
/** A longer tail is not fetched again on a suspicion. */
const TAIL_BYTES = 64 << 20;
const LF = 10;
/** Units that are given out in a row before somebody is asked again to take them. */
const MANY_UNITS = 8;

/** A unit larger than a block: its first line, and how far its bytes are in `crc`. */
interface LargeUnit {
  /** Undefined where the unit is one line. */
  readonly head: Buffer | undefined;
  checked: number;
  crc: number;
  readonly pieces: Piece[];
}

/** Where a reader stands: behind a whole unit. */
export interface Place {
  readonly segment: string;
  readonly offset: number;
  /** The chain's value behind that unit, and the position of its last line. */
  readonly crc: number;
  readonly position: Position;
}

/** Takes transactions at an offset of a block that was read, where the log stands at `place`, in the reader's stead; gives the place behind them. They have to be checked as the reader does. */
export type Take = (block: Buffer, from: number, place: Place) => Place;

/** A source of units, whatever the format of the log. */
export interface UnitReader {
  /** Behind the last unit that was given out. */
  readonly place: Place;
  /** True where the last read came to the end of what there is. */
  readonly caughtUp: boolean;
  /**
   * The next units; none at the end of the log. Their bodies are good until the next call. What `take` is
   * given first and takes is not among them: with it, there are none and `place` is another where it took all.
   */
  next(take?: Take): Promise<Unit[]>;
  /** Waits until there may be more to read. */
  wait(timeoutMs: number, signal?: AbortSignal): Promise<void>;
  /** What is whole only because the log ends here. */
  finish(): Unit[];
}

const misfit = (end: number) => `the unit from here to byte ${end} does not match its _crc`;

export class LogReader implements UnitReader {
  readonly #transport: Transport;
  readonly #block: Buffer;
  #place: Place;
  /** Bytes of the block that are read and not yet given out; before them are those that were, until the next call. */
  #kept = 0;
  #keptAt = 0;
  /** Whole units in the block that wait for those before them to be applied. */
  #left: { readonly block: Buffer; readonly from: number } | undefined;
  /** How many units are given out where somebody takes them: twice as many each time that nobody did. */
  #turn = 1;
  #isAllRead = false;
  #large: LargeUnit | undefined;
  /** How often it went back to the place where it stands. */
  #retries = 0;
  /** The end of what was read when the reader waited last, and how often it was the same. */
  #tail = { end: 0, looks: 0 };
  #segments: string[] = [];

  constructor(transport: Transport, place: Place, blockBytes = BLOCK_BYTES) {
    this.#transport = transport;
    this.#place = place;
    this.#block = Buffer.allocUnsafe(blockBytes);
  }

  get place(): Place { return this.#place; }
  get caughtUp(): boolean { return this.#isAllRead && this.#left === undefined; }

  async next(take?: Take): Promise<Unit[]> {
    for (;;) {
      try {
        return await this.#read(take);
      } catch (error) {
        await this.#goBack(error);
      }
    }
  }

  async wait(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#isTailInDoubt()) return;
    try {
      if (await this.#transport.changed(this.#place.segment, timeoutMs, signal)) this.#segments = [];
    } catch (error) {
      await this.#goBack(error); // the next read tells
    }
  }

  /** Nothing: in this format a unit says itself that it is whole. */
  finish(): Unit[] { return []; }

  /** A tail that does not grow is half a unit, or a whole one that a network has spoiled: it is fetched once more. */
  #isTailInDoubt(): boolean {
    const end = this.#place.offset + this.#kept;
    const isTail = this.#kept > 0 && this.#kept < TAIL_BYTES && this.#transport.patience > 1;
    const isSame = end === this.#tail.end;
    this.#tail = { end, looks: isSame ? this.#tail.looks + 1 : 0 };
    if (!isTail || this.#tail.looks !== 1) return false;
    this.#forget();
    this.#transport.reset();
    return true;
  }

  async #read(take: Take | undefined): Promise<Unit[]> {
    if (this.#left !== undefined) {
      const { block, from } = this.#left;
      this.#left = undefined;
      return this.#takeUnits(block, from, take);
    }
    for (;;) {
      if (this.#large !== undefined) {
        const unit = await this.#continueLarge(this.#large);
        if (unit === 'torn' && await this.#advance()) continue;
        return unit === 'torn' ? [] : [unit];
      }
      this.#block.copyWithin(0, this.#keptAt, this.#keptAt + this.#kept);
      this.#keptAt = 0;
      const room = this.#block.subarray(this.#kept);
      const read = await this.#transport.read(this.#place.segment, this.#place.offset + this.#kept, room);
      this.#isAllRead = read < room.length;
      if (read === 0) {
        if (await this.#advance()) continue;
        return [];
      }
      const block = this.#block.subarray(0, this.#kept + read);
      const units = this.#takeUnits(block, 0, take);
      if (this.#kept < block.length) return units;
      if (this.#kept === this.#block.length) this.#beginLarge();
    }
  }

  /** The whole units at an offset of the block, as many as are due. Throws DeltaError log-damaged where the first one does not fit. */
  #takeUnits(block: Buffer, start: number, take: Take | undefined): Unit[] {
    const units: Unit[] = [];
    let from = start;
    let at = findTrailer(block, from);
    if (at !== -1 && take !== undefined && this.#place.offset > 0) {
      from += this.#offer(block, from, take);
      if (from > start) at = findTrailer(block, from);
    }
    for (; at !== -1; at = findTrailer(block, from)) {
      if (take !== undefined && units.length === this.#turn) {
        this.#left = { block, from };
        break;
      }
      const end = at + TRAILER_BYTES;
      const crc = trailerCrc(block, at);
      const whole = block.subarray(from, end);
      try {
        // P6: no unit is given out unless the chain fits.
        if (chain(block.subarray(from, at), this.#place.crc) !== crc) throw this.#damaged(this.#place.offset, misfit(this.#place.offset + at - from));
        units.push(this.#accept({ start: this.#place.offset, end: this.#place.offset + end - from, crc, head: whole, tail: whole, whole }));
      } catch (error) {
        if (from === start) throw error;
        this.#kept = this.#keptAt = 0; // those before are good; this one is read again
        return units;
      }
      from = end;
    }
    this.#keptAt = from;
    this.#kept = block.length - from;
    return units;
  }

  /** Gives how many bytes were taken. */
  #offer(block: Buffer, from: number, take: Take): number {
    const { offset } = this.#place;
    this.#place = take(block, from, this.#place);
    const taken = this.#place.offset - offset;
    if (taken > 0) this.#retries = 0;
    this.#turn = taken > 0 ? 1 : Math.min(this.#turn * 2, MANY_UNITS);
    return taken;
  }

  /** The block is full and holds no whole unit: from here on the unit is checked in pieces and not kept. */
  #beginLarge(): void {
    const end = this.#block.indexOf(LF) + 1;
    const head = end === 0 ? undefined : Buffer.from(this.#block.subarray(0, end));
    this.#large = { head, checked: this.#place.offset, crc: this.#place.crc, pieces: [] };
  }

  /** Goes on with a large unit: the unit once it is whole, 'torn' while it is not. */
  async #continueLarge(large: LargeUnit): Promise<Unit | 'torn'> {
    const { segment, offset: start } = this.#place;
    for (;;) {
      const read = await this.#transport.read(segment, large.checked, this.#block);
      this.#isAllRead = read < this.#block.length;
      this.#kept = Math.max(this.#kept, large.checked + read - start);
      const piece = this.#block.subarray(0, read);
      const at = findTrailer(piece, 0);
      if (at !== -1) {
        this.#large = undefined;
        this.#kept = 0;
        const crc = trailerCrc(piece, at);
        if (chain(piece.subarray(0, at), large.crc) !== crc) throw this.#damaged(start, misfit(large.checked + at));
        const end = at + TRAILER_BYTES;
        const tail = await withLastLine(this.#transport, segment, piece.subarray(0, end), start, large.checked + end);
        return this.#accept({ start, end: large.checked + end, crc, head: large.head ?? tail, tail, whole: undefined, pieces: large.pieces });
      }
      const done = read - OVERLAP_BYTES;
      if (done <= 0) return 'torn';
      large.crc = chain(piece.subarray(0, done), large.crc);
      large.checked += done;
      if (large.checked - (large.pieces.at(-1)?.end ?? start) >= BLOCK_BYTES) large.pieces.push({ end: large.checked, crc: large.crc });
    }
  }

  #accept(raw: { start: number; end: number; crc: number; head: Buffer; tail: Buffer; whole: Buffer | undefined; pieces?: readonly Piece[] }): Unit {
    const { segment, position, crc: seed } = this.#place;
    let unit: Unit;
    try {
      unit = decodeUnit({ segment, seed, ...raw });
    } catch (error) {
      throw this.#damaged(raw.start, error instanceof Error ? error.message : String(error));
    }
    if (comparePositions(position, ORIGIN) > 0 && !follows(position, unit.first)) {
      throw this.#damaged(raw.start, `line ${formatPosition(unit.first)} does not follow ${formatPosition(position)}`);
    }
    if ((unit.kind === 'open') !== (raw.start === 0)) throw this.#damaged(raw.start, 'an open line begins a segment, and stands nowhere else');
    this.#place = { segment, offset: raw.end, crc: raw.crc, position: unit.last };
    this.#retries = 0;
    return unit;
  }

  /** To the last whole unit, to read again what does not fit. Throws what was thrown where that is something else, or patience is at its end. */
  async #goBack(error: unknown): Promise<void> {
    if (!isOfLog(error) || this.#retries === this.#transport.patience) throw error;
    this.#forget();
    this.#segments = [];
    await giveRest(this.#transport, ++this.#retries);
  }

  #forget(): void {
    this.#kept = this.#keptAt = 0;
    this.#left = undefined;
    this.#large = undefined;
  }

  /** At the end of the segment: true where there is a next one, and the reader stands at its start. */
  async #advance(): Promise<boolean> {
    const { segment, offset, crc, position } = this.#place;
    if (this.#segments.length === 0) this.#segments = await this.#transport.list();
    const next = this.#segments.find((name) => name > segment);
    const size = await this.#transport.size(segment);
    if (size < offset) throw this.#damaged(size, `is shorter than the ${offset} bytes that were read of it`);
    if (size < offset + this.#kept) {
      this.#forget(); // the writer has cut the torn tail that we had read
      return true;
    }
    if (size > offset + this.#kept) return true; // it has grown since
    if (next === undefined) return false;
    // A tail of the same length may have been written in its place.
    if (this.#kept > 0) throw this.#damaged(offset, `ends in half a unit, though ${next} exists`);
    if (!(await hasOpenLine(this.#transport, next))) return false; // a copy that has only begun
    const header = decodeHeader((await readOpenLine(this.#transport, next)).line);
    if (comparePositions(header.previous, position) !== 0 || header.previousCrc !== crc) {
      throw new DeltaError('log-missing', `${this.#transport.place}/${next}: follows ${formatPosition(header.previous)}, but the log before it ends at ${formatPosition(position)}`, {
        hint: 'a segment is missing in between: put it back, or copy the tables again with deltaimport',
      });
    }
    this.#place = { segment: next, offset: 0, crc, position };
    return true;
  }

  #damaged(offset: number, reason: string): DeltaError {
    return new DeltaError('log-damaged', `${this.#transport.place}/${this.#place.segment}:${offset}: ${reason}`, {
      hint: `see: daystream verify ${this.#transport.place}`,
    });
  }
}

