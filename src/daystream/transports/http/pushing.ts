/**
 * Whether a server is asked for a live stream, or by ranges. Between us and a server that pushes
 * there may be a proxy that passes no live streams, or holds them back until they end. So when a
 * stream has ended that brought nothing, or half of something, it is asked by a range how far the
 * file goes; where that is further, twice, or where no stream is given at all, ranges are asked for
 * during some looks.
 */

/** About a minute as the mirror looks, each time twice as long, to about an hour. */
const FIRST_LOOKS = 60;
const MOST_DOUBLINGS = 6;
/** Once may be chance: it was written just then. */
const PROOFS = 2;

export class Pushing {
  #looks = 0;
  #rests = 0;
  #missed = 0;
  #vain = 0;
  #isInDoubt = false;
  /** How far the stream went that is in doubt. */
  #end = 0;

  get isWorthAsking(): boolean { return this.#looks === 0; }

  /** Streams that brought nothing, one after another. */
  get vain(): number { return this.#vain; }

  /** There is no live stream here. */
  refused(): void {
    this.#looks = FIRST_LOOKS * 2 ** Math.min(this.#rests++, MOST_DOUBLINGS);
    this.#missed = this.#vain = 0;
    this.#isInDoubt = false;
  }

  /** A stream is over that went to the byte `end`, or it did not come. */
  over(hasBrought: boolean, hasStalled: boolean, end: number): void {
    this.#end = end;
    this.#vain = hasBrought ? 0 : this.#vain + 1;
    this.#isInDoubt = !hasBrought || hasStalled;
    if (!this.#isInDoubt) this.#missed = this.#rests = 0;
  }

  /** A range was answered: the file goes to `end`. */
  ranged(end: number): void {
    if (!this.#isInDoubt) return;
    this.#isInDoubt = false;
    this.#missed = end > this.#end ? this.#missed + 1 : 0;
    if (this.#missed === PROOFS) this.refused();
  }

  /** It was looked for news by other means. */
  looked(): void { this.#looks = Math.max(0, this.#looks - 1); }
}
