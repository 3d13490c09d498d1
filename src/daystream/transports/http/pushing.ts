/**
 * Whether a server is asked for a live stream, or by ranges. Between us and a server that pushes
 * there may be a proxy that passes no live streams, or holds them back until they end. So when a
 * stream has ended that brought nothing, a range is asked for at the same place; where that brings
 * something, twice, or where no stream is given at all, ranges are asked for during some looks.
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

  get isWorthAsking(): boolean { return this.#looks === 0; }

  /** Streams that brought nothing, one after another. */
  get vain(): number { return this.#vain; }

  /** There is no live stream here. */
  refused(): void {
    this.#looks = FIRST_LOOKS * 2 ** Math.min(this.#rests++, MOST_DOUBLINGS);
    this.#missed = this.#vain = 0;
    this.#isInDoubt = false;
  }

  /** A stream is over, or did not come. */
  over(hasBrought: boolean, hasStalled: boolean): void {
    this.#vain = hasBrought ? 0 : this.#vain + 1;
    this.#isInDoubt = !hasBrought || hasStalled;
    if (!this.#isInDoubt) this.#missed = this.#rests = 0;
  }

  /** A range brought bytes, or there were none. */
  ranged(hasBrought: boolean): void {
    if (!this.#isInDoubt) return;
    this.#isInDoubt = false;
    this.#missed = hasBrought ? this.#missed + 1 : 0;
    if (this.#missed === PROOFS) this.refused();
  }

  /** It was looked for news by other means. */
  looked(): void { this.#looks = Math.max(0, this.#looks - 1); }
}
