/**
 * When the mirror's WAL is written into the cache, and its file used from its start again.
 * SQLite's own way, in the commit that passes a limit, would keep that commit waiting for
 * the disk. Here a thread beside does it (PASSIVE). What is left for the mirror's own
 * thread is the end of it, where a WAL that is always written to, or always read, would
 * grow for ever: the few frames since, with the more patience for readers the larger the
 * WAL is. A reader that stays is waited for by nobody; it is only told of.
 */
import { reasonOf } from '../errors.js';
import { CheckpointThread, type Answer } from './checkpoint-thread.js';
import { readHeldSince, writeHeldSince } from './held.js';
import { BUSY_TIMEOUT_MS, type Cache } from './open.js';
import { BATCH_BYTES, FRAMES, setPace, WAL_KEPT_BYTES } from './pace.js';
import { checkpoint, frameBytes, readersOf, walBytes, walSequence } from './wal.js';

/** Also while nothing is committed: a WAL that was kept for long is to be gone within a minute behind its reader. */
const LOOK_EVERY_MS = 10_000;
/** Between two looks while commits come in. */
const GLANCE_EVERY_MS = 50;
/** Between two tries while readers keep the WAL. */
const RETRY_EVERY_MS = 1000;
/** Held for so long it is written down. */
const HELD_AFTER_MS = 60_000;
/** A replay waits for the thread where the WAL has so many frames: it writes faster than that one does. */
const FRAMES_AT_MOST = 2 * FRAMES.behind;

/** From so many frames on the WAL is worth to be used from its start again; after a try in vain, from a quarter more. */
const RESTART_FRAMES = 4096;
const RESTART_GROWTH = 1.25;
/** What the mirror's own thread writes itself then, at most: this part of the WAL. */
const RESTART_PART = 16;
/** Frames for each ms that readers are waited for then, up to a second: 16 ms at 16 MB. */
const FRAMES_PER_MS = 256;
const PATIENCE_AT_MOST_MS = 1000;
/** Where a file that is too large is cut. */
const PATIENCE_MS = 50;

export interface Wal {
  /** Of the file. */
  readonly bytes: number;
  /** For how long readers have kept it from being used again; undefined where none does. */
  readonly heldMs: number | undefined;
  /** Why a checkpoint failed; it is tried again. */
  readonly problem: string | undefined;
  /** The other processes that are in a read transaction now, where the system tells. */
  readonly readers: () => readonly number[];
}

export interface CheckpointOptions {
  /** Told at each look. */
  readonly looked?: (wal: Wal) => void;
  readonly everyMs?: number;
  /** ms since 1970. */
  readonly now?: () => number;
}

export class Checkpoints {
  readonly #cache: Cache;
  readonly #pace: (caughtUp: boolean) => void;
  readonly #thread: CheckpointThread;
  readonly #timer: NodeJS.Timeout;
  readonly #looked: (wal: Wal) => void;
  readonly #now: () => number;
  readonly #frameBytes: number;
  #caughtUp = true;
  /** The WAL as far as its commits are counted; and how much of the log has been committed since. */
  #counted: { readonly frames: number; readonly sequence: number };
  #logBytes = 0;
  #replay: 'first' | 'dense' | 'behind' = 'first';
  #running: Promise<void> | undefined;
  #looking: Promise<void> | undefined;
  #glanceAt = -Infinity;
  #retryAt = -Infinity;
  #restartAt = RESTART_FRAMES;
  #heldSince: number | undefined;
  #isWritten: boolean;
  #problem: string | undefined;

  /** The connection that writes; from here on SQLite checkpoints nothing by itself. */
  constructor(cache: Cache, { looked = () => {}, everyMs = LOOK_EVERY_MS, now = Date.now }: CheckpointOptions = {}) {
    this.#cache = cache;
    this.#looked = looked;
    this.#now = now;
    this.#pace = setPace(cache);
    this.#frameBytes = frameBytes(cache);
    this.#counted = { frames: checkpoint(cache, 'NOOP').log, sequence: walSequence(cache.name) };
    this.#thread = new CheckpointThread(cache.name);
    cache.pragma('wal_autocheckpoint = 0');
    // What the mirror before this one knew is not known of now.
    this.#isWritten = readHeldSince(cache) !== undefined;
    this.#timer = setInterval(() => { this.#looking ??= this.#look().finally(() => { this.#looking = undefined; }); }, everyMs);
    this.#timer.unref();
  }

  get wal(): Wal {
    return { bytes: walBytes(this.#cache.name), heldMs: this.#heldSince === undefined ? undefined : this.#now() - this.#heldSince, problem: this.#problem, readers: () => readersOf(this.#cache.name) };
  }

  /** How much of the log is to share the next commit. */
  get batchBytes(): number { return BATCH_BYTES[this.#replay]; }

  /** Behind a commit of so much of the log, and before the next transaction. A replay that is faster than its checkpoints waits for them here. */
  async committed(caughtUp: boolean, logBytes: number): Promise<void> {
    this.#pace(caughtUp);
    this.#caughtUp = caughtUp;
    this.#logBytes += logBytes;
    if (caughtUp) this.#replay = 'first';
    const now = performance.now();
    if (now < (this.#heldSince === undefined ? this.#glanceAt : this.#retryAt)) return;
    this.#glanceAt = caughtUp ? now + GLANCE_EVERY_MS : now;
    const { log, checkpointed } = checkpoint(this.#cache, 'NOOP');
    this.#measure(log);
    if (log - checkpointed < FRAMES[caughtUp ? 'caughtUp' : this.#replay]) return;
    const running = this.#run();
    if (caughtUp || log < FRAMES_AT_MOST || this.#heldSince !== undefined) return;
    await running;
    await this.#run(); // what came in while that one ran
  }

  /** Leaves as little of the WAL as readers allow. Nothing is being committed. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    await this.#running;
    await this.#thread.end();
    if (!this.#cache.inTransaction) this.#empty('TRUNCATE', this.#heldSince === undefined ? PATIENCE_AT_MOST_MS : 0);
  }

  /** By what was written since the last time, beside the log that it was written for. Smaller batches would not write less each than this one. */
  #measure(frames: number): void {
    const sequence = walSequence(this.#cache.name);
    const before = sequence === this.#counted.sequence ? this.#counted.frames : 0;
    const isDense = (frames - before) * this.#frameBytes <= Math.min(this.#logBytes, BATCH_BYTES.dense);
    if (!this.#caughtUp) this.#replay = isDense ? 'dense' : 'behind';
    this.#counted = { frames, sequence };
    this.#logBytes = 0;
  }

  /** A checkpoint in the thread: the one that runs, or a new one. */
  #run(): Promise<void> {
    return this.#running ??= this.#thread.checkpoint().then((answer) => {
      this.#running = undefined;
      this.#ran(answer);
    });
  }

  #ran(answer: Answer): void {
    this.#problem = 'problem' in answer ? answer.problem : undefined;
    if ('problem' in answer) return;
    const { log, checkpointed, busy } = answer.frames;
    if (busy) return; // an application's connection runs one
    const isOld = log - checkpointed >= FRAMES.caughtUp;
    if (!isOld) this.#restart();
    // Also where no reader stays for long, but there is always one.
    const isHeld = isOld || (log * this.#frameBytes >= WAL_KEPT_BYTES && this.#restartAt > log);
    this.#heldSince = isHeld ? this.#heldSince ?? this.#now() : undefined;
    this.#retryAt = performance.now() + RETRY_EVERY_MS;
  }

  /** Lets the next commit use the WAL from its start, where that is worth its while. */
  #restart(): void {
    if (this.#cache.inTransaction) return;
    const { log, checkpointed } = checkpoint(this.#cache, 'NOOP');
    if (log < RESTART_FRAMES) this.#restartAt = RESTART_FRAMES;
    if (log < this.#restartAt || (log - checkpointed) * RESTART_PART > log) return;
    this.#restartAt = this.#empty('RESTART', Math.min(PATIENCE_AT_MOST_MS, log / FRAMES_PER_MS)) ? RESTART_FRAMES : log * RESTART_GROWTH;
  }

  /** False where readers were in its way, or it failed. */
  #empty(mode: 'RESTART' | 'TRUNCATE', patienceMs: number): boolean {
    try {
      return !this.#withPatience(patienceMs, () => checkpoint(this.#cache, mode)).busy;
    } catch (error) {
      this.#problem = reasonOf(error);
      return false;
    }
  }

  #withPatience<T>(ms: number, work: () => T): T {
    this.#cache.pragma(`busy_timeout = ${Math.floor(ms)}`);
    try {
      return work();
    } finally {
      this.#cache.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }

  async #look(): Promise<void> {
    const isLarge = () => this.#caughtUp && walBytes(this.#cache.name) > WAL_KEPT_BYTES;
    if (this.#heldSince !== undefined || isLarge()) await this.#run();
    if (this.#heldSince === undefined && isLarge() && !this.#cache.inTransaction) this.#empty('TRUNCATE', PATIENCE_MS);
    this.#write();
    this.#looked(this.wal);
  }

  /** In a transaction of its own, as soon as there is none. */
  #write(): void {
    const { heldMs } = this.wal;
    const isHeld = heldMs !== undefined && heldMs >= HELD_AFTER_MS;
    if (isHeld === this.#isWritten || this.#cache.inTransaction) return;
    try {
      this.#withPatience(0, () => writeHeldSince(this.#cache, isHeld ? this.#heldSince! * 1000 : undefined));
      this.#isWritten = isHeld;
    } catch {
      // Another process writes to the cache: at the next look. What stops the mirror from writing, its commits tell.
    }
  }
}
