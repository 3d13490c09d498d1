/** A mirror within the test's process that goes on until it is stopped; and waiting beside it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runMirror, type Run } from './cache.js';

const LOOK_MS = 200;

export class Mirroring {
  /** Rejects where the mirror fails, or ends before it is told to. */
  readonly failed: Promise<never>;
  readonly #run: Promise<Run>;
  readonly #stop = new AbortController();

  constructor(cache: string, log: string) {
    this.#run = runMirror(cache, log, { signal: this.#stop.signal });
    this.failed = this.#run.then((): Promise<never> => (this.#stop.signal.aborted ? new Promise(() => {}) : Promise.reject(new Error(`${cache}: its mirror ended`))));
    this.failed.catch(() => {}); // `beside` tells
  }

  /** Throws what the mirror failed with. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#run;
  }
}

/** Waits for what is going on; throws at once where one of the mirrors fails meanwhile. They may come and go. */
export async function beside<T>(going: Promise<T>, mirrors: () => readonly Mirroring[]): Promise<T> {
  let done = false;
  const watch = async (): Promise<never> => {
    while (!done) await Promise.race([sleep(LOOK_MS), ...mirrors().map(({ failed }) => failed)]);
    return new Promise(() => {});
  };
  try {
    return await Promise.race([going, watch()]);
  } finally {
    done = true;
  }
}
