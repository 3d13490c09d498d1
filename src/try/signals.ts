/** Ctrl-C: the first one ends the following, and the report comes; the next one ends all, and nothing is compared. */
export class Signals {
  readonly #enough = new AbortController();
  readonly #quit = new AbortController();
  #isFollowing = false;

  constructor(tell: (text: string) => void) {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (this.#isFollowing && !this.enough.aborted) tell('enough; comparing now (once more: without)');
        else this.#quit.abort();
        this.#enough.abort();
      });
    }
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => { this.#quit.abort(); this.#enough.abort(); }); // the terminal is gone
  }

  /** Followed long enough. */
  get enough(): AbortSignal { return this.#enough.signal; }

  /** Everything has to end. */
  get quit(): AbortSignal { return this.#quit.signal; }

  /** From here on a report can be given. */
  following(): void {
    this.#isFollowing = true;
  }
}
