/** What a live server sends while a segment grows: taken in as it comes, until nobody takes it out. */
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
  #wake: (() => void) | undefined;
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
    if (this.hasNews || signal?.aborted === true) return;
    await new Promise<void>((wake) => {
      const timer = setTimeout(wake, timeoutMs);
      this.#wake = () => { clearTimeout(timer); wake(); };
      signal?.addEventListener('abort', this.#wake, { once: true });
    });
    if (this.#wake !== undefined) signal?.removeEventListener('abort', this.#wake);
    this.#wake = undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#taken?.();
    this.#wake?.();
    this.body.close();
  }

  async #receive(): Promise<void> {
    try {
      for (let chunk = await this.body.next(); chunk !== undefined && !this.#isClosed; chunk = await this.body.next()) {
        this.#queue.push(chunk);
        this.#queued += chunk.length;
        this.#end += chunk.length;
        this.#wake?.();
        if (this.#queued >= QUEUE_BYTES) await new Promise<void>((taken) => { this.#taken = taken; });
      }
      this.isComplete = true;
    } catch (error) {
      this.failure = error;
    }
    this.#wake?.();
  }
}
