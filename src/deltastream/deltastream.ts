/** A run of deltastream: one folder, one slot, as many connections as it takes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isSameFollowing } from '../daystream/following.js';
import { formatLsn, parseLsn } from '../daystream/lsn.js';
import { ORIGIN } from '../daystream/position.js';
import { requireSameLog, type LogIdentity } from '../daystream/segment.js';
import { Writer } from '../daystream/writer.js';
import type { WriterFiles } from '../daystream/writer-files.js';
import { DeltaError, reasonOf, type ErrorCode } from '../errors.js';
import { codeOf, mayPass } from '../postgres/failure.js';
import { lockFolder, requireReconciled } from './folder.js';
import { withFollowedTables } from './followed-tables.js';
import { follow } from './follow.js';
import { checkContinuity, requireCheckedSlot } from './continuity.js';
import { Health } from './health.js';
import { checkOptions, publicationOf, type StreamOptions } from './options.js';
import type { Report } from './report.js';
import { readSlotMemory } from './slot-memory.js';
import { openSource, type Source } from './source.js';
import { removeMade } from './temporary.js';
import { Watch } from './watch.js';

const BACKOFF_FIRST_MS = 100;
const BACKOFF_LIMIT_MS = 10_000;
/** How long the first connection waits for a slot whose reader may just have died. */
const BUSY_PATIENCE_MS = 5_000;
/** A small file, read so often: a watch on its folder would have a word for each write to the log. */
const TABLES_INTERVAL_MS = 500;
/** While what the log has is compared, before other tables are followed. */
const AGAIN_INTERVAL_MS = 20;

/** Follows until `stop`. Throws when trying again cannot help. */
export async function deltastream(options: StreamOptions, stop: AbortSignal, report: Report, files?: WriterFiles): Promise<void> {
  checkOptions(options, true);
  const held = lockFolder(options);
  try {
    requireReconciled(options);
    await new Run(options, stop, report, files).run();
  } finally {
    report.stop();
    held.release();
  }
}

interface Ended {
  readonly signal: AbortSignal;
  release(): void;
}

class Run {
  #writer: Writer | undefined;
  #identity: LogIdentity | undefined;
  /** The patterns that the writer states. */
  #tables: string | undefined;
  #everFollowed = false;
  /** There may be a publication that goes with the slot. */
  #publishes = false;
  /** Why it does not follow, as far as that has been told. */
  #told: ErrorCode | undefined;
  /** What is said once in a run. */
  readonly #said = new Set<string>();
  #failures = 0;
  readonly #startedMs = performance.now();
  readonly #stopped: Promise<undefined>;

  constructor(
    private readonly options: StreamOptions,
    private readonly stop: AbortSignal,
    private readonly report: Report,
    private readonly files: WriterFiles | undefined,
  ) {
    this.#stopped = new Promise((resolve) => stop.addEventListener('abort', () => resolve(undefined), { once: true }));
  }

  async run(): Promise<void> {
    try {
      while (!this.stop.aborted) {
        try {
          await this.#session();
        } catch (error) {
          if (!(error instanceof DeltaError) || !this.#shouldRetry(error)) throw error;
          if (!this.#everFollowed) this.#forgetWriter();
          await this.#pause(error);
        }
      }
    } finally {
      this.#forgetWriter();
      if (this.#publishes) await removeMade(this.options, (text) => this.report.tell(text));
    }
  }

  /** Until something was followed nothing was written, and where a new log begins is asked again. */
  #forgetWriter(): void {
    this.#writer?.close();
    this.#writer = undefined;
  }

  /** One connection, from its making to its end. */
  async #session(): Promise<void> {
    const options = withFollowedTables(this.options, (text) => this.report.tell(text));
    const source = await this.#opened(options);
    if (source === undefined) return;
    const resolved = { ...options, plugin: source.plugin };
    const watch = new Watch(resolved, (text) => this.#sayOnce(text));
    const health = new Health(options, this.report);
    let ended: Ended | undefined;
    try {
      const writer = await this.#writerFor(source, resolved);
      this.#meets(source, writer);
      await writer.expectRepeats(source.confirmedLsn, parseLsn(source.identity.walLsn));
      const isAgain = !isSameFollowing(writer.following, options);
      const isNew = writer.stats.position.clock === ORIGIN.clock;
      const prepared = isAgain ? undefined : watch.prepare(isNew);
      if (isNew) prepared?.catch(() => {}); // it is waited for below
      else await prepared;
      ended = isAgain ? this.#endOf(options, AGAIN_INTERVAL_MS, () => writer.hasAllAgain) : this.#endOf(options, TABLES_INTERVAL_MS, () => false);
      await follow(source, writer, { ...resolved, ...writer.following }, ended.signal, this.report, async () => {
        await requireCheckedSlot(source, options.slot);
        await prepared;
        this.#following(source, writer);
        health.start(source);
        if (isAgain) this.#sayOnce('other tables are asked for than before: first what the log has is compared with what Postgres sends again');
        else watch.start(() => writer.stats.schemas + writer.due.asked);
      });
      await health.last(source);
    } finally {
      this.report.ended();
      ended?.release();
      health.stop();
      await watch.stop();
      source.close();
    }
  }

  /** The stop, other tables than the session's, or `isOver`: then it ends in order, and another one begins. */
  #endOf(options: StreamOptions, intervalMs: number, isOver: () => boolean): Ended {
    const ended = new AbortController();
    const end = () => ended.abort();
    const asking = setInterval(() => {
      try {
        if (isOver()) end();
        if (withFollowedTables(this.options, (text) => this.report.tell(text)).tables !== options.tables) end();
      } catch (error) {
        this.#sayOnce(reasonOf(error)); // what runs goes on as it is
      }
    }, intervalMs);
    this.stop.addEventListener('abort', end);
    if (this.stop.aborted) end();
    return {
      signal: ended.signal,
      release: () => {
        this.stop.removeEventListener('abort', end);
        clearInterval(asking);
      },
    };
  }

  /** Undefined when the stop came first: connecting, or making a slot, may take long. */
  async #opened(options: StreamOptions): Promise<Source | undefined> {
    const opening = openSource(options, (text) => this.report.tell(text), () => { this.#publishes = true; });
    const source = await Promise.race([opening, this.#stopped]);
    if (source === undefined) opening.then((late) => late.close(), () => {}); // nobody waits for it any more
    return source;
  }

  async #writerFor(source: Source, options: StreamOptions): Promise<Writer> {
    const { out, tables, partitions, slot } = options;
    const { system, timeline, ancestors, database } = source.identity;
    const identity = { system, timeline, ancestors, slot, plugin: source.plugin, publication: publicationOf(options), database };
    if (this.#tables !== tables || this.#identity?.timeline !== timeline) this.#forgetWriter();
    this.#tables = tables;
    if (this.#writer === undefined || this.#identity === undefined) {
      this.#writer = await Writer.open(out, identity, source.confirmedLsn, { files: this.files, tables, partitions });
    } else {
      requireSameLog(out, this.#identity, this.#writer.lsn, identity);
    }
    this.#identity = identity;
    return this.#writer;
  }

  /** Throws where the slot does not go on where the log ends. */
  #meets(source: Source, writer: Writer): void {
    const { out } = this.options;
    const said = checkContinuity(source, writer.lsn, this.options, readSlotMemory(out));
    if (said !== undefined) this.#sayOnce(said);
    const before = [...source.identity.ancestors].at(-1);
    if (before !== undefined && writer.lsn <= before[1]) this.#sayOnce(`${source.place}: was promoted at ${formatLsn(before[1])}, timeline ${source.identity.timeline}; it has all that the log in ${out} has`);
  }

  #following(source: Source, writer: Writer): void {
    for (const { what, cure } of source.warnings) this.#sayOnce(`${what} — ${cure}`);
    this.report.start(writer, () => source.beside.walLsn === undefined ? undefined : Math.max(0, Number(source.beside.walLsn - writer.lsn)));
    this.#everFollowed = true;
    this.#failures = 0;
    this.#told = undefined;
    this.report.tell(`following slot "${this.options.slot}" (plugin ${source.plugin}) of ${source.place} from ${formatLsn(writer.lsn)} into ${this.options.out}`);
  }

  #sayOnce(text: string): void {
    if (!this.#said.has(text)) this.report.tell(text);
    this.#said.add(text);
  }

  /**
   * Once it has worked, all that may pass is waited for. Before, a wrong address should say so at
   * once: only a server that answered (it has an SQLSTATE) is worth waiting for, a taken slot not for long.
   */
  #shouldRetry(error: DeltaError): boolean {
    if (!mayPass(error)) return false;
    if (this.#everFollowed) return this.options.temporarySlot !== true; // which is gone
    if (error.code === 'busy') return performance.now() - this.#startedMs < BUSY_PATIENCE_MS;
    return /^\d/.test(codeOf(error.cause));
  }

  /** Waits before the next try, longer each time, never in step with others; says only what is news. */
  async #pause(error: DeltaError): Promise<void> {
    if (this.#told !== error.code) this.report.tell(`${reasonOf(error)}; trying again`);
    this.#told = error.code;
    const limitMs = Math.min(BACKOFF_LIMIT_MS, BACKOFF_FIRST_MS * 2 ** this.#failures++);
    await sleep(limitMs * (0.5 + Math.random() / 2), undefined, { signal: this.stop }).catch(() => {}); // a stop ends the wait
  }
}
