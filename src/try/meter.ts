/**
 * How long a commit takes from its time in Postgres until a reader of the SQLite file can see it: the
 * log says when what was committed, the cache, looked at often, how far it is.
 */
import { Folder } from '../daystream/folder.js';
import { openReader } from '../daystream/read.js';
import { comparePositions, type Position } from '../daystream/position.js';
import { openReader as openCacheReader, type Cache } from '../sqlite/open.js';
import { readPosition } from '../sqlite/position.js';

/** A lag is at most so much less than measured. */
const LOOK_EVERY_MS = 2;
const WAIT_MS = 100;
/** The log is not read on while so much is not in the cache yet. */
const AHEAD_LIMIT = 10_000;
/** Lags are kept in full up to so many; then every other one goes, again and again. */
const LAGS_LIMIT = 100_000;

interface Commit {
  readonly last: Position;
  readonly atMs: number;
  /** Undefined: a heartbeat. */
  readonly rows: number | undefined;
}

export interface Reading {
  readonly transactions: number;
  readonly rows: number;
  /** Milliseconds; undefined where nothing came. */
  readonly p50Ms: number | undefined;
  readonly maxMs: number | undefined;
}

export class Meter {
  readonly #folder: Folder;
  readonly #cache: Cache;
  readonly #offsetMs: number;
  readonly #stop = new AbortController();
  /** In the log, and not known to be in the cache. */
  readonly #ahead: Commit[] = [];
  /** Where the cache was seen to be, and when first. */
  readonly #visible: { readonly position: Position; readonly atMs: number }[] = [];
  readonly #lags = new Lags();
  readonly #heartbeats = new Lags();
  #recent = new Lags();
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void>;
  #isEven = false;
  #atEnd = false;
  #transactions = 0;
  #rows = 0;

  /** `offsetMs`: by how much the server's clock is ahead of ours. What the cache does not have yet when it begins is not measured. */
  constructor(log: string, cache: string, offsetMs: number) {
    this.#folder = new Folder(log);
    this.#cache = openCacheReader(cache);
    this.#offsetMs = offsetMs;
    this.#reading = this.#read().catch(() => {}); // the mirror reads the same, and tells
    this.#look();
  }

  get all(): Reading { return { transactions: this.#transactions, rows: this.#rows, ...this.#lags.figures() }; }

  /** Of what is not a change: the marks that the log has every ten seconds. */
  get heartbeats(): Omit<Reading, 'transactions' | 'rows'> { return this.#heartbeats.figures(); }

  /** Since the last call. */
  recent(): Omit<Reading, 'transactions' | 'rows'> {
    const figures = this.#recent.figures();
    this.#recent = new Lags();
    return figures;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stop.abort();
    await this.#reading;
    await this.#folder.close();
    this.#cache.close();
  }

  async #read(): Promise<void> {
    const { signal } = this.#stop;
    const reader = await openReader(this.#folder, readPosition(this.#cache)?.position);
    while (!signal.aborted) {
      const units = this.#ahead.length > AHEAD_LIMIT ? [] : await reader.next();
      for (const unit of units) {
        if (unit.kind === 'transaction') this.#ahead.push({ last: unit.last, atMs: Number(unit.commitTimeUs ?? 0n) / 1000, rows: unit.rows });
        if (unit.kind === 'horizon') this.#ahead.push({ last: unit.last, atMs: Number(unit.line.own.get('_ts') ?? 0) / 1000, rows: undefined });
      }
      if (units.length > 0) continue;
      this.#atEnd = true;
      await reader.wait(WAIT_MS, signal);
    }
  }

  #look(): void {
    const position = readPosition(this.#cache)?.position;
    const newest = this.#visible.at(-1);
    if (position !== undefined && (newest === undefined || comparePositions(newest.position, position) < 0)) this.#visible.push({ position, atMs: Date.now() + this.#offsetMs });
    this.#match();
    if (this.#visible.length > AHEAD_LIMIT) this.#visible.splice(0, AHEAD_LIMIT / 2);
    if (this.#atEnd && this.#ahead.length === 0) this.#isEven = true;
    this.#timer = setTimeout(() => this.#look(), LOOK_EVERY_MS);
  }

  /** A commit was seen with the first position that is not before it, whether the log or the cache was read first. */
  #match(): void {
    let seen = 0;
    let commits = 0;
    for (; commits < this.#ahead.length; commits++) {
      while (seen < this.#visible.length && comparePositions(this.#visible[seen].position, this.#ahead[commits].last) < 0) seen++;
      if (seen === this.#visible.length) break;
      this.#seen(this.#ahead[commits], this.#visible[seen].atMs);
    }
    this.#ahead.splice(0, commits);
    this.#visible.splice(0, Math.min(seen, this.#visible.length - 1));
  }

  #seen({ rows, atMs }: Commit, visibleMs: number): void {
    if (!this.#isEven) return;
    const lagMs = Math.max(0, visibleMs - atMs);
    if (rows === undefined) return this.#heartbeats.add(lagMs);
    if (rows === 0) return; // what a relation is, and no change
    this.#transactions += 1;
    this.#rows += rows;
    this.#lags.add(lagMs);
    this.#recent.add(lagMs);
  }
}

/** Many figures in bounded memory: the maximum is exact, the median of every n-th. */
class Lags {
  #kept: number[] = [];
  #every = 1;
  #count = 0;
  #maxMs: number | undefined;

  add(lagMs: number): void {
    this.#maxMs = Math.max(this.#maxMs ?? 0, lagMs);
    if (this.#count++ % this.#every !== 0) return;
    this.#kept.push(lagMs);
    if (this.#kept.length < LAGS_LIMIT) return;
    this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
    this.#every *= 2;
  }

  figures(): { readonly p50Ms: number | undefined; readonly maxMs: number | undefined } {
    const sorted = this.#kept.toSorted((a, b) => a - b);
    return { p50Ms: sorted[Math.floor(sorted.length / 2)], maxMs: this.#maxMs };
  }
}
