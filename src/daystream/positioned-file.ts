/** Lines with their positions (docs/format.md §1): the clock, the sequence within it, and where the last whole unit ended. */
import { ORIGIN, type Position } from './position.js';
import type { Place } from './reader.js';
import type { SegmentFile } from './segment-file.js';

export class PositionedFile {
  readonly #file: SegmentFile;
  /** The last line's position. */
  #clock = ORIGIN.clock;
  #sequence = ORIGIN.sequence;
  /** The same when the last unit ended. */
  #whole: Position = ORIGIN;
  /** What each line of this clock begins with. */
  #prefix = '';
  #bytes = 0;

  constructor(file: SegmentFile) {
    this.#file = file;
  }

  get clock(): number { return this.#clock; }
  get whole(): Position { return this.#whole; }
  /** Bytes that were put so far. */
  get bytes(): number { return this.#bytes; }

  /** The next line is the first of this clock. */
  setClock(clock: number): void {
    this.#set(clock, -1);
  }

  /** Goes on behind a whole unit. */
  resume({ position }: Place): void {
    this.#whole = position;
    this.#set(position.clock, position.sequence);
  }

  /** A line, its position first; `endLine` or `endUnit` ends it. */
  put(bytes: Buffer, start: number, end: number): void {
    const position = `${this.#prefix}${++this.#sequence}\t`;
    this.#file.putShort(position);
    this.#file.put(bytes, start, end);
    this.#bytes += position.length + end - start;
  }

  /** Lines of a message from `start` on that stand within a unit. Gives where they end: at a line that does not, or is too long to go this way. */
  putLines(message: Buffer, start: number): number {
    const { lines, taken, put } = this.#file.frame(message, start, this.#prefix, this.#sequence);
    this.#sequence += lines;
    this.#bytes += put;
    return start + taken;
  }

  putLine(line: Buffer): void {
    this.put(line, 0, line.length);
  }

  endLine(): void {
    this.#file.putShort('\n');
    this.#bytes += 1;
  }

  endUnit(): void {
    this.#file.endUnit();
    this.#whole = { clock: this.#clock, sequence: this.#sequence };
  }

  /** Goes back to the end of the last whole unit. */
  cut(): void {
    this.#file.cut();
    this.#set(this.#whole.clock, this.#whole.sequence);
  }

  #set(clock: number, sequence: number): void {
    this.#clock = clock;
    this.#sequence = sequence;
    this.#prefix = `_c\t${clock}\t_s\t`;
  }
}
