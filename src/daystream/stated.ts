/** What a log is said to carry from here on, beside its lines: which tables, and the timeline that they come from. */
import type { Pair } from './codec.js';
import { EVERYTHING, followingPairs, isSameFollowing, type Following } from './following.js';

/** The difference between what the log says and what is so; it has to be said before the first unit that it is true of. */
export class Stated {
  #following = EVERYTHING;
  /** The one that the log is in, and the one that the open line of its newest segment says. */
  #timeline: number;
  #opened: number;
  #isHeld = false;

  constructor(private readonly wanted: Following, private readonly timeline: number) {
    this.#timeline = this.#opened = timeline;
  }

  /** As the end of a log that goes on says. */
  resume(following: Following, timeline: number, opened: number): void {
    this.#following = following;
    this.#timeline = timeline;
    this.#opened = opened;
  }

  /** Held: what is followed stays as the log says. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
  }

  /** What is to be followed now. */
  get following(): Following { return this.#isHeld ? this.#following : this.wanted; }

  get isSame(): boolean { return isSameFollowing(this.#following, this.following) && this.#timeline === this.timeline; }

  /** An open line has been made: it says the timeline. */
  opened(): void {
    this.#timeline = this.#opened = this.timeline;
  }

  /** What the horizon that is made now says of it. */
  pairs(): Pair[] {
    this.#following = this.following;
    this.#timeline = this.timeline;
    return [...(this.timeline === this.#opened ? [] : [['_timeline', String(this.timeline)] as const]), ...followingPairs(this.#following)];
  }
}
