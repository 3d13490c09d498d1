/**
 * Checkpoints beside the mirror's own thread. PASSIVE waits for nobody and keeps nobody
 * waiting but the thread that runs it, which copies pages and syncs two files: in the
 * mirror's own thread that would be time in which no commit comes in.
 */
import { once } from 'node:events';
import { statSync, type Stats } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Frames } from './wal.js';

export type Asked = 'checkpoint' | 'end';
export type Answer = { readonly frames: Frames } | { readonly problem: string };

/** As it is in dist/src/sqlite and, from a command's bundle, in dist/bin. */
const WORKER = new URL('../sqlite/checkpoint-worker.js', import.meta.url);
/** It runs a statement now and then: of what Node would give a thread it needs little. */
const LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 };

export class CheckpointThread {
  readonly #path: string;
  readonly #file: Stats;
  /** Since the first checkpoint that was asked for: most mirrors of small tables never need one. */
  #worker: Worker | undefined;
  /** Whoever waits for a checkpoint. */
  #answer: ((answer: Answer) => void) | undefined;

  /** The file is the one that stands there now: another one that takes its place is left alone. */
  constructor(path: string) {
    this.#path = path;
    this.#file = statSync(path);
  }

  /** Runs a PASSIVE checkpoint; one at a time. Never rejects. */
  checkpoint(): Promise<Answer> {
    if (!this.#isThere()) return Promise.resolve({ problem: 'another file has its name: stop the mirror before a cache is replaced' });
    const worker = this.#worker ??= this.#start();
    worker.postMessage('checkpoint' satisfies Asked);
    return new Promise((resolve) => { this.#answer = resolve; });
  }

  #isThere(): boolean {
    const now = statSync(this.#path, { throwIfNoEntry: false });
    return now?.ino === this.#file.ino && now.dev === this.#file.dev;
  }

  /** No checkpoint is running. */
  async end(): Promise<void> {
    if (this.#worker === undefined) return;
    const ended = once(this.#worker, 'exit');
    this.#worker.postMessage('end' satisfies Asked);
    await ended;
  }

  /** A thread that fails, for want of memory or of a file, ends: the next checkpoint has another. */
  #start(): Worker {
    const worker = new Worker(WORKER, { workerData: this.#path, resourceLimits: LIMITS });
    let problem = 'its thread ended';
    worker.on('message', (answer: Answer) => this.#tell(answer));
    worker.on('error', (error: { readonly message?: string }) => { problem = error.message ?? problem; });
    worker.on('exit', () => {
      this.#worker = undefined;
      this.#tell({ problem });
    });
    return worker;
  }

  #tell(answer: Answer): void {
    this.#answer?.(answer);
    this.#answer = undefined;
  }
}
