/**
 * Copies of tables that are due, one after another, on a connection beside the stream.
 * What goes into the log goes there in the heart's loop, between two transactions. A copy
 * that fails, or whose run ends, is due as before.
 */
import type { Need } from '../daystream/due.js';
import type { Writer } from '../daystream/writer.js';
import { reasonOf } from '../errors.js';
import { CopySource } from '../postgres/copy-source.js';
import { codeOf, translate } from '../postgres/failure.js';
import type { Beside } from './beside.js';
import { publicationOf, type StreamOptions } from './options.js';
import { ChangedMeanwhile, copyTable, type Host } from './reload-table.js';
import type { Report } from './report.js';

const RETRY_FIRST_MS = 500;
const RETRY_LIMIT_MS = 30_000;
/** How often it is asked whether a copy keeps somebody waiting. */
const WATCH_INTERVAL_MS = 1_000;
/** So often a table's copy gives way to whoever waits for its lock; then it goes on regardless, or it would never end. */
const WAYS_GIVEN = 3;
/** The table is gone or has another name, or its schema: it is looked at anew. */
const NO_SUCH_TABLE = ['42P01', '3F000'];

/** What the heart's loop does for the copies. */
export interface Loop {
  /** Comes to call `write` as soon as no transaction is open. */
  wake(): void;
  /** Asks for a horizon now. */
  hasten(): void;
}

/** How often a table's copy was begun in vain, and when it may be begun again. */
interface Attempts {
  count: number;
  waysGiven: number;
  givesWay: boolean;
  notBeforeMs: number;
  /** What was told of it. */
  told: string;
}

export class Reloads {
  readonly #stop = new AbortController();
  readonly #attempts = new Map<number, Attempts>();
  readonly #host: Host;
  #source: CopySource | undefined;
  #turns: (() => Promise<void>)[] = [];
  #news: (() => void) | undefined;
  #heard = 0;
  #bug: unknown;

  constructor(private readonly writer: Writer, private readonly options: StreamOptions, private readonly beside: Beside, private readonly loop: Loop, private readonly report: Report) {
    this.#host = {
      writer,
      options,
      signal: this.#stop.signal,
      between: (act) => this.#between(act),
      hasten: () => loop.hasten(),
      tell: (text) => report.tell(text),
      show: (text) => report.show(text),
    };
    void this.#run();
  }

  /** True where something waits to be appended, as soon as no transaction is open. */
  get due(): boolean {
    return this.#turns.length > 0;
  }

  /** Appends it. Between the call and its end nothing else may be appended. */
  async write(): Promise<void> {
    for (const turn of this.#turns.splice(0)) await turn();
  }

  /** Something was appended, of which a copy may be due now. Throws where copying has failed by a bug of ours, or the disk. */
  heard(): void {
    if (this.#bug !== undefined) throw this.#bug;
    if (this.writer.due.asked === this.#heard) return;
    this.#heard = this.writer.due.asked;
    this.#news?.();
  }

  /** Stops at once: from here on nothing is appended, and what is not copied is due as before. */
  close(): void {
    this.#stop.abort();
    this.#source?.close();
    this.report.show(undefined);
    this.writer.due.takeBack();
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stop.signal.aborted) {
        const need = this.#nextNeed();
        if (need === undefined) await this.#pause();
        else await this.#attempt(need);
      }
    } catch (error) {
      this.#bug = error;
      this.loop.wake();
    }
  }

  #nextNeed(): Need | undefined {
    const now = performance.now();
    return this.writer.due.needs.find(({ oid }) => (this.#attempts.get(oid)?.notBeforeMs ?? 0) <= now);
  }

  /** Until something new is due, or what is may be tried again. */
  async #pause(): Promise<void> {
    const times = this.writer.due.needs.map(({ oid }) => this.#attempts.get(oid)?.notBeforeMs ?? 0);
    await new Promise<void>((resume) => {
      const timer = times.length === 0 ? undefined : setTimeout(resume, Math.min(...times) - performance.now());
      this.#news = () => { clearTimeout(timer); resume(); };
      this.#stop.signal.addEventListener('abort', this.#news, { once: true });
    });
    if (this.#news !== undefined) this.#stop.signal.removeEventListener('abort', this.#news);
    this.#news = undefined;
  }

  async #attempt(need: Need): Promise<void> {
    const attempts = this.#attempts.get(need.oid) ?? { count: 0, waysGiven: 0, givesWay: false, notBeforeMs: 0, told: '' };
    let watch: NodeJS.Timeout | undefined;
    try {
      const source = await CopySource.open(this.options.pg, 'deltastream', publicationOf(this.options));
      this.#source = source;
      if (this.#stop.signal.aborted) return;
      if (attempts.waysGiven < WAYS_GIVEN) watch = setInterval(() => void this.#giveWay(source, attempts), WATCH_INTERVAL_MS);
      await copyTable(source, need, this.#host);
      this.#attempts.delete(need.oid);
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#failed(need, attempts, error);
    } finally {
      clearInterval(watch);
      this.#source?.close();
      this.#source = undefined;
    }
  }

  /** Somebody who waits for the lock of a copy makes all others wait who come behind him. */
  async #giveWay(source: CopySource, attempts: Attempts): Promise<void> {
    if (source !== this.#source || !(await this.beside.isWaitedFor(source.pid)) || source !== this.#source) return;
    attempts.waysGiven++;
    attempts.givesWay = true;
    source.close();
  }

  /** Lets it be tried again, later each time. Throws what trying again cannot help. */
  #failed(need: Need, attempts: Attempts, thrown: unknown): void {
    this.writer.due.takeBack();
    const why = attempts.givesWay ? 'a copy gives way to a session that waits for the table' : whyAgain(thrown);
    attempts.givesWay = false;
    if (why !== undefined && why !== attempts.told) {
      attempts.told = why;
      this.report.tell(`${why}; trying again`);
    }
    attempts.notBeforeMs = performance.now() + Math.min(RETRY_LIMIT_MS, RETRY_FIRST_MS * 2 ** attempts.count++);
    this.#attempts.set(need.oid, attempts);
  }

  #between<Result>(act: () => Promise<Result> | Result): Promise<Result> {
    const { signal } = this.#stop;
    return new Promise((resolve, reject) => {
      const stopped = () => reject(signal.reason);
      if (signal.aborted) return stopped();
      signal.addEventListener('abort', stopped, { once: true });
      this.#turns.push(async () => {
        try {
          resolve(await act());
        } catch (error) {
          reject(error);
        } finally {
          signal.removeEventListener('abort', stopped);
        }
      });
      this.loop.wake();
    });
  }
}

/** What to tell of a copy that has to be begun anew; undefined where it is no news. Throws what no other try can help: the disk, or a bug of ours. */
function whyAgain(thrown: unknown): string | undefined {
  if (thrown instanceof ChangedMeanwhile || NO_SUCH_TABLE.includes(codeOf(thrown))) return undefined;
  const failure = translate(thrown, 'copy of a table');
  const isBug = failure !== thrown && failure.code === 'postgres' && codeOf(thrown) === '';
  if (isBug || failure.code === 'io') throw thrown;
  return reasonOf(failure);
}
