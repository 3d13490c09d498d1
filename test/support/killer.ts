/** Kills a program at random moments and starts it again, as a host that has bad days. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from './path.js';
import type { Random } from './random.js';

/** What a program may say as it leaves by itself: the one before it, killed, is not quite gone. */
const NOT_GONE_YET = /is active for PID|is in use|already|busy/;

export class Killer {
  readonly #daemon: Daemon;
  readonly #random: Random;
  readonly #limitMs: number;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  kills = 0;

  /** Begins at once; a life lasts up to `limitMs`. */
  constructor(daemon: Daemon, random: Random, limitMs: number) {
    this.#daemon = daemon;
    this.#random = random;
    this.#limitMs = limitMs;
    this.#done = this.#run();
    this.#done.catch(() => {}); // `end` tells
  }

  /** Lets it live from now on; throws where it left by itself meanwhile. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await sleep(this.#random.below(this.#limitMs), undefined, { signal: this.#stop.signal }).catch(() => {});
      if (this.#stop.signal.aborted) break;
      await this.#kill();
    }
    if (!this.#daemon.isRunning) await this.#kill();
  }

  async #kill(): Promise<void> {
    const { isRunning, stderr } = this.#daemon;
    if (!isRunning && !NOT_GONE_YET.test(stderr.slice(-1000))) throw new Error(`${this.#daemon.name} left by itself: ${stderr.slice(-1000)}`);
    await this.#daemon.stop('SIGKILL');
    this.#daemon.start();
    this.kills++;
  }
}
