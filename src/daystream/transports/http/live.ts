/** What a live server sends while a segment grows: taken in as it comes, until nobody takes it out. */
import { Wakeable } from '../wakeable.js';
import type { Body } from './body.js';

/** More than this is left to wait on the wire. */
const QUEUE_BYTES = 4 << 20;

export class Live {
  /** The server said that this was all of the segment. */
  isComplete = false;
  failure: unknown;
  #queue: Buffer[] = [];
  #queued = 0;
  #end: number;
  readonly #begin: number;
  #isClosed = false;
  readonly #news = new Wakeable();
  #taken: (() => void) | undefined;

  constructor(readonly name: string, offset: number, private readonly body: Body) {
    this.#begin = this.#end = offset;
    void this.#receive();
  }

  /** Byte offset behind all that came. */
  get end(): number { return this.#end; }

  get hasBrought(): boolean { return this.#end > this.#begin; }
  get isOver(): boolean { return this.isComplete || this.failure !== undefined; }
  get hasNews(): boolean { return this.#queue.length > 0 || this.isOver; }

  take(): Buffer[] {
    this.#queued = 0;
    this.#taken?.();
    return this.#queue.splice(0);
  }

  /** Until there is something, for so long at most. */
  async wait(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (!this.hasNews) await this.#news.wait(timeoutMs, signal);
  }

  close(): void {
    this.#isClosed = true;
    this.#taken?.();
    this.#news.wake();
    this.body.close();
  }

  async #receive(): Promise<void> {
    try {
      for (let chunk = await this.body.next(); chunk !== undefined && !this.#isClosed; chunk = await this.body.next()) {
        this.#queue.push(chunk);
        this.#queued += chunk.length;
        this.#end += chunk.length;
        this.#news.wake();
        if (this.#queued >= QUEUE_BYTES) await new Promise<void>((taken) => { this.#taken = taken; });
      }
      this.isComplete = true;
    } catch (error) {
      this.failure = error;
    }
    this.#news.wake();
  }
}
