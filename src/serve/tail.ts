/**
 * A segment that is followed: its new bytes are read once and given to all who stand at its
 * end. Who lags behind, or has just come, is given the file's own bytes at its own pace, and
 * stands at the end sooner or later; so nobody waits for anybody, and nothing is kept for who is slow.
 */
import { fstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenFile } from './file.js';
import type { Follower } from './follower.js';
import { Frames } from './frames.js';

/** After each round of pushes nothing is pushed for so many times as long as it took: many readers get more at once, and the processor has room for others. */
const REST_FACTOR = 3;
const REST_MIN_MS = 1;
/** Whatever the number of readers: far below the second in which they have to have it. */
const REST_MAX_MS = 100;

export class Tail {
  readonly #file: OpenFile;
  readonly #frames: Frames;
  readonly #followers = new Set<Follower>();
  #size: number;
  #hasNext = false;
  /** The size is the last one: it was taken when the next segment was there. */
  #isFinal = false;
  #isWoken = false;
  #isLooking = false;

  constructor(file: OpenFile) {
    this.#file = file;
    this.#size = file.stats.size;
    this.#frames = new Frames(file.handle);
  }

  get inode(): number { return this.#file.stats.ino; }
  get followers(): ReadonlySet<Follower> { return this.#followers; }

  /** Bytes in the file now. */
  get size(): number { return fstatSync(this.#file.handle.fd).size; }

  add(follower: Follower): void {
    this.#frames.forget();
    this.#followers.add(follower);
    this.wake();
  }

  remove(follower: Follower): void { this.#followers.delete(follower); }

  /** There may be more. */
  wake(): void {
    this.#isWoken = true;
    if (!this.#isLooking) void this.#look();
  }

  /** A next segment exists: this one grows no more. */
  close(): void {
    if (this.#hasNext) return;
    this.#hasNext = true;
    this.wake();
  }

  /** Nothing of what was given out counts any more: everybody has to come again. */
  break(): void {
    this.#frames.forget();
    for (const follower of this.#followers) follower.break();
  }

  /** When nobody follows any more. */
  end(): Promise<void> { return this.#file.handle.close(); }

  async #look(): Promise<void> {
    this.#isLooking = true;
    while (this.#isWoken && this.#followers.size > 0) {
      this.#isWoken = false;
      const restMs = REST_FACTOR * await this.#push().catch(() => this.#failed());
      if (restMs > REST_MIN_MS) await sleep(Math.min(restMs, REST_MAX_MS), undefined, { ref: false });
    }
    this.#isLooking = false;
  }

  /** Gives everybody what there is; tells how long that took, in milliseconds. */
  async #push(): Promise<number> {
    const isFinal = this.#hasNext;
    const { size } = this;
    if (size < this.#size) this.#frames.forget();
    for (const follower of this.#followers) if (follower.offset > size) follower.break(); // the writer has cut the torn tail that it has
    let start = Math.min(this.#size, size);
    this.#size = size;
    this.#isFinal = isFinal;
    let tookMs = 0;
    while (start < size) {
      const frame = await this.#frames.at(start, size);
      if (frame === undefined) break;
      const startedMs = performance.now();
      let isTaken = false;
      for (const follower of this.#followers) {
        if (follower.offset !== start || !follower.hasRoom || follower.isCatchingUp || follower.isGone) continue;
        follower.take(frame);
        isTaken = true;
      }
      tookMs += performance.now() - startedMs;
      if (!isTaken) break; // nobody is as fast as the writer: each reads on by itself
      start = frame.end;
    }
    for (const follower of this.#followers) this.catchUp(follower);
    return tookMs;
  }

  /** Gives a reader what it has room for, of what is not pushed to it: it lags, or has just come. */
  catchUp(follower: Follower): void {
    if (follower.isCatchingUp || follower.isGone) return;
    if (follower.offset >= this.#size) {
      if (this.#isFinal && follower.offset === this.#size) follower.finish();
      return;
    }
    if (!follower.hasRoom) return;
    follower.isCatchingUp = true;
    void this.#frames.at(follower.offset, this.#size).then((frame) => {
      follower.isCatchingUp = false;
      if (follower.isGone) return;
      if (frame === undefined) follower.break(); // cut meanwhile
      else follower.take(frame);
      this.catchUp(follower);
    }).catch(() => follower.break());
  }

  #failed(): number {
    this.break();
    return 0;
  }
}
