/**
 * Reads logs in the original format (docs/format.md §6): row lines alone. A transaction
 * is a run of lines with one `_xid`; that it is whole is known when the next line has
 * another one, or when the reader is told that the log ends.
 */
import { DeltaError } from '../errors.js';
import { readFully } from './backward.js';
import { formatPosition, follows, ORIGIN, comparePositions, type Position } from './position.js';
import type { Place, UnitReader } from './reader.js';
import type { Transport } from './transport.js';
import type { Transaction, Unit } from './unit.js';

const BLOCK_BYTES = 1 << 20;
/** A transaction is held in memory here, since nothing in the log tells where it ends. */
const TRANSACTION_BYTES = 256 << 20;
const LF = 10;
const HEAD = /^_c\t(\d+)\t_s\t(\d+)\t(?:_schema\t[^\t\n]*\t)?_table\t[^\t\n]*\t_xid\t(\d+)\t_action\t/;

/** A run that goes on. */
interface Run {
  readonly xid: bigint;
  readonly segment: string;
  readonly start: number;
  readonly first: Position;
  last: Position;
  end: number;
  lines: Buffer[];
  bytes: number;
}

/** True where the log's first line is not an open line but a row line of the original format. */
export async function isOriginal(transport: Transport, segment: string): Promise<boolean> {
  const bytes = Buffer.alloc(4096);
  const length = await readFully(transport, segment, 0, bytes);
  return HEAD.test(bytes.toString('utf8', 0, length));
}

export class OriginalReader implements UnitReader {
  readonly #transport: Transport;
  readonly #block = Buffer.allocUnsafe(BLOCK_BYTES);
  #place: Place;
  #offset: number;
  #segment: string;
  #position: Position;
  #partial: Buffer[] = [];
  #run: Run | undefined;
  caughtUp = false;

  constructor(transport: Transport, place: Place) {
    this.#transport = transport;
    this.#place = place;
    this.#segment = place.segment;
    this.#offset = place.offset;
    this.#position = place.position;
  }

  get place(): Place { return this.#place; }

  async next(): Promise<Unit[]> {
    for (;;) {
      const read = await this.#transport.read(this.#segment, this.#offset, this.#block);
      this.caughtUp = read < this.#block.length;
      if (read === 0) {
        const next = (await this.#transport.list()).find((name) => name > this.#segment);
        if (next === undefined || (await this.#transport.size(this.#segment)) > this.#offset) return [];
        this.#segment = next;
        this.#offset = 0;
        continue;
      }
      const units = this.#takeLines(Buffer.from(this.#block.subarray(0, read)));
      if (units.length > 0) return units;
    }
  }

  async wait(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    await this.#transport.changed(this.#segment, timeoutMs, signal);
  }

  /** The run at hand as a transaction: the caller knows that the log ends here. */
  finish(): Unit[] {
    return this.#partial.length > 0 ? [] : this.#endRun();
  }

  #takeLines(block: Buffer): Unit[] {
    const units: Unit[] = [];
    let start = 0;
    for (let lf = block.indexOf(LF); lf !== -1; lf = block.indexOf(LF, start)) {
      const line = Buffer.concat([...this.#partial.splice(0), block.subarray(start, lf + 1)]);
      this.#offset += lf + 1 - start;
      start = lf + 1;
      units.push(...this.#takeLine(line));
    }
    if (start < block.length) {
      this.#partial.push(block.subarray(start));
      this.#offset += block.length - start;
    }
    return units;
  }

  #takeLine(line: Buffer): Unit[] {
    const match = HEAD.exec(line.toString('utf8'));
    if (match === null) throw this.#damaged(`not a row line: ${JSON.stringify(line.toString('utf8', 0, 80))}`);
    const position = { clock: Number(match[1]), sequence: Number(match[2]) };
    if (comparePositions(this.#position, ORIGIN) > 0 && !follows(this.#position, position)) {
      throw this.#damaged(`line ${formatPosition(position)} does not follow ${formatPosition(this.#position)}`);
    }
    this.#position = position;
    const xid = BigInt(match[3]);
    const ended = this.#run === undefined || this.#run.xid === xid ? [] : this.#endRun();
    this.#run ??= { xid, segment: this.#segment, start: this.#offset - line.length, first: position, last: position, end: 0, lines: [], bytes: 0 };
    this.#run.lines.push(line);
    this.#run.bytes += line.length;
    this.#run.last = position;
    this.#run.end = this.#offset;
    if (this.#run.bytes > TRANSACTION_BYTES) throw this.#damaged(`transaction ${xid} is larger than ${TRANSACTION_BYTES >> 20} MB, the limit for the original format`);
    return ended;
  }

  #endRun(): Unit[] {
    const run = this.#run;
    if (run === undefined) return [];
    this.#run = undefined;
    const { segment, start, end, first, last, xid } = run;
    this.#place = { segment: this.#segment, offset: end, crc: 0, position: last };
    const transaction: Transaction = {
      kind: 'transaction', segment, start, end, first, last, seed: undefined, crc: 0, xid,
      commitLsn: undefined, endLsn: undefined, commitTimeUs: undefined,
      rows: run.lines.length, schemas: 0, reload: [], offer: [], body: Buffer.concat(run.lines), bodyStart: start, bodyEnd: end,
    };
    return [transaction];
  }

  #damaged(reason: string): DeltaError {
    return new DeltaError('log-damaged', `${this.#transport.place}/${this.#segment}:${this.#offset}: ${reason}`, { hint: `see: daystream verify ${this.#transport.place}` });
  }
}
