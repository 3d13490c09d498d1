/** The caches of a batch, and the mirrors that keep them. */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { runMirror, type Run } from '../support/cache.js';
import { runImport } from '../support/import.js';
import type { Path } from '../support/path.js';

interface Running {
  readonly run: Promise<Run>;
  /** Rejects where the mirror fails, or ends before it is told to. */
  readonly failed: Promise<never>;
  readonly stop: AbortController;
}

/** The three caches of a batch, each imported at another time, and their mirrors within this process. */
export class Mirrors {
  readonly caches: string[] = [];
  readonly #running: Running[] = [];
  readonly #path: Path;
  readonly #patterns: string;
  readonly #batch: number;

  constructor(path: Path, patterns: string, batch: number) {
    this.#path = path;
    this.#patterns = patterns;
    this.#batch = batch;
  }

  /** Imports a cache and mirrors it from then on. */
  async start(name: string): Promise<void> {
    const cache = this.#path.cache(`${name}-${this.#batch}.db`);
    await runImport(this.#path.server, this.#patterns, this.#path.log, cache);
    this.caches.push(cache);
    this.#running.push(this.#mirror(cache));
  }

  /** Ends the mirror that began first, and begins it anew. */
  async restart(): Promise<void> {
    const [first] = this.#running;
    first.stop.abort();
    await first.run;
    this.#running[0] = this.#mirror(this.caches[0]);
  }

  /** Waits for what is going on; throws at once where a mirror fails meanwhile. */
  async beside<T>(going: Promise<T>): Promise<T> {
    let done = false;
    const watch = async (): Promise<never> => {
      while (!done) await Promise.race([sleep(200), ...this.#running.map(({ failed }) => failed)]);
      return new Promise(() => {});
    };
    try {
      return await Promise.race([going, watch()]);
    } finally {
      done = true;
    }
  }

  async caughtUp(): Promise<void> {
    await this.beside(this.#path.caughtUp(...this.caches));
  }

  async stop(): Promise<void> {
    for (const { stop } of this.#running) stop.abort();
    await Promise.allSettled(this.#running.map(({ run }) => run));
    for (const cache of this.caches) for (const suffix of ['', '-wal', '-shm', '.lock']) rmSync(`${cache}${suffix}`, { force: true });
  }

  #mirror(cache: string): Running {
    const stop = new AbortController();
    const run = runMirror(cache, this.#path.log, { signal: stop.signal });
    const failed = run.then((): Promise<never> => (stop.signal.aborted ? new Promise(() => {}) : Promise.reject(new Error(`${cache}: its mirror ended`))));
    failed.catch(() => {}); // `beside` tells
    return { run, failed, stop };
  }
}
