/**
 * The watch: compares the catalog with what the log was last told, and tells what differs by control
 * messages. It is how comments, renamed labels and newly followed tables reach the log where no event
 * trigger tells them, and the net under those. It has a connection of its own, holds up nothing, and
 * never fails: what it cannot do now it does the next time.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Following } from '../daystream/following.js';
import { DeltaError, reasonOf } from '../errors.js';
import { connect, placeOf } from '../postgres/connection.js';
import { codeOf, translate } from '../postgres/failure.js';
import { readDigest, readTablePrints, readTypeItems } from '../postgres/fingerprint.js';
import { readSecret } from '../postgres/triggers-secret.js';
import { readTriggers } from '../postgres/triggers.js';
import { CATALOG_FILE, compare, followedSince, onlyFollowed, readCatalogState, splitByDue, stateOf, writeCatalogState, type CatalogState } from './catalog-state.js';
import { keepPublication, type Kept, type PublicationState } from './keep-publication.js';
import { readKnown } from './known-since.js';
import { publicationOf, type StreamOptions } from './options.js';
import { describeDeaf, describeSchemaChanges } from './schema-changes.js';
import { hasLeafNotes } from './pgoutput/leaf-notes.js';
import { readWordsKey } from './signed-words.js';
import { tellDifference } from './tell-difference.js';
import { seeMarks, tellWords, wordsOf } from './watch-marks.js';

/** With event triggers in place the comparison is only the net: so often, and when the log has news. */
const NET_INTERVAL_MS = 5 * 60_000;
/** The first look comes when the stream has begun: both at once take longer. */
const FIRST_LOOK_MS = 1_000;
/** So often it is asked whether the log has news of schemas, and so often at most it is followed by a look. */
const ASK_INTERVAL_MS = 250;
const NEWS_INTERVAL_MS = 1_000;
const STATEMENT_TIMEOUT_MS = 60_000;
const INTERVAL_AT_LEAST_MS = 100;
const NO_RIGHT = '42501';
/** What a server says that goes on serving. */
const REFUSED = /^(?!57P)\d/;

export interface WatchOptions extends Following {
  readonly pg: string | undefined;
  /** The folder of the log. */
  readonly out: string;
  readonly schemaIntervalMs: number;
  readonly slot: string;
  readonly plugin: StreamOptions['plugin'];
}

export class Watch {
  readonly #options: WatchOptions;
  readonly #tell: (text: string) => void;
  readonly #stop = new AbortController();
  readonly #stopped: Promise<undefined>;
  #running: Promise<void> = Promise.resolve();
  #client: pg.Client | undefined;
  #state: CatalogState | undefined;
  #publication: PublicationState | undefined;
  #lookedMs = -Infinity;

  /** `tell` is told the same more than once. */
  constructor(options: WatchOptions, tell: (text: string) => void) {
    this.#options = options;
    this.#tell = tell;
    this.#stopped = new Promise((resolve) => this.#stop.signal.addEventListener('abort', () => resolve(undefined), { once: true }));
  }

  /**
   * Before the log says what it follows: whatever comes before the next look, that it was said is known; and
   * of a new log what the catalog was before its first line. Throws DeltaError.
   */
  async prepare(isNew: boolean): Promise<void> {
    if (isNew) return this.#begin();
    const before = await readCatalogState(this.#options.out);
    this.#state = before && followedSince(before, this.#options);
    this.#publication = before?.publication;
    if (this.#state !== undefined && this.#state !== before) await this.#write(this.#state);
  }

  /** From now on. `news` counts what the log says of relations and of copies: when it has grown, the comparison does not wait. */
  start(news: () => number): void {
    this.#running = this.#run(news);
  }

  /** Resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#drop();
    await this.#running;
  }

  async #run(news: () => number): Promise<void> {
    const { signal } = this.#stop;
    const intervalMs = Math.max(INTERVAL_AT_LEAST_MS, this.#options.schemaIntervalMs);
    await sleep(Math.min(intervalMs, FIRST_LOOK_MS), undefined, { signal }).catch(() => {}); // a stop ends the wait
    for (let seen = -1, isFresh = false; !signal.aborted;) {
      // Twice: what the log has may not be visible yet when it is looked at the first time.
      const isNews = isFresh || news() !== seen;
      isFresh = news() !== seen;
      seen = news();
      if (!await this.#attempt(isNews)) return;
      const lookedMs = performance.now();
      const restMs = () => lookedMs + (news() === seen && !isFresh ? intervalMs : Math.min(intervalMs, NEWS_INTERVAL_MS)) - performance.now();
      while (restMs() > 0 && !signal.aborted) {
        await sleep(Math.min(restMs(), ASK_INTERVAL_MS), undefined, { signal }).catch(() => {}); // a stop ends the wait
      }
    }
  }

  async #begin(): Promise<void> {
    try {
      const client = await this.#connect();
      if (client === undefined) return;
      this.#state = { ...await readKnown(client, this.#options), isFirst: true };
    } catch (cause) {
      const place = this.#client === undefined ? 'schema changes' : placeOf(this.#client);
      this.#drop();
      if (this.#stop.signal.aborted || isFinal(cause)) return; // the first look says so
      throw translate(cause, place);
    }
    this.#publication = this.#state.publication;
    await this.#write(this.#state);
  }

  async #write(state: CatalogState): Promise<void> {
    try {
      await writeCatalogState(this.#options.out, state);
    } catch (cause) {
      throw new DeltaError('io', `${join(this.#options.out, CATALOG_FILE)}: ${reasonOf(cause)}`, { cause });
    }
  }

  /** One comparison; false where there will never be one. The stream says when the server is gone. */
  async #attempt(isNews: boolean): Promise<boolean> {
    try {
      const client = this.#client ?? await this.#connect();
      if (client !== undefined) await this.#look(client, isNews);
      return true;
    } catch (error) {
      this.#drop();
      if (this.#stop.signal.aborted) return false;
      const cannot = isFinal(error);
      if (cannot) this.#tell(`schema changes: ${reasonOf(error)}: comments and changed types are not followed`);
      else if (REFUSED.test(codeOf(error))) this.#tell(`schema changes: ${reasonOf(error)}; trying again`);
      return !cannot;
    }
  }

  async #look(client: pg.Client, isNews: boolean): Promise<void> {
    const { tables, partitions, out } = this.#options;
    const before = this.#state;
    const isBlind = publicationOf(this.#options) !== undefined;
    const triggersState = await readTriggers(client);
    this.#tell(describeSchemaChanges(triggersState));
    // Who cannot prove to us what they say count for none.
    const isDeaf = isBlind && triggersState === 'installed' && await readSecret(client) === 'denied';
    if (isDeaf) this.#tell(describeDeaf(client.user ?? ''));
    const triggers = triggersState === 'installed' && !isDeaf;
    const { handled, joining } = await this.#keepPublication(client, triggers && before?.triggers === true);
    const isByRoot = isBlind && partitions === 'root';
    // Of a partition that is truncated alone no event trigger tells, and pgoutput neither.
    const isSafe = triggers && before?.triggers === true && before.again.length === 0 && !isByRoot;
    if (isSafe && !isNews && performance.now() - this.#lookedMs < NET_INTERVAL_MS) return;
    this.#lookedMs = performance.now();
    const { digest, oldestXid } = await readDigest(client);
    const [due, waiting] = splitByDue(before?.again ?? [], oldestXid);
    if (before?.digest === digest && before.tables === (tables ?? null) && before.partitions === partitions && before.triggers === triggers && before.between.length === 0 && before.isFirst !== true && due.length === 0 && !(isByRoot && hasLeafNotes(out))) return;
    const prints = await readTablePrints(client, partitions);
    const followed = onlyFollowed(prints, tables);
    const seen = isBlind ? await seeMarks(client, prints, this.#options) : undefined;
    const items = await readTypeItems(client);
    const now = stateOf(this.#options, digest, triggers, followed, items);
    // First, since it says which transactions the log is past when it comes to what follows.
    if (seen !== undefined) await tellWords(client, await wordsOf(client, before?.seen, seen, prints, this.#options), readWordsKey(out));
    const difference = compare(before, now, followed, items);
    const offered = difference.offered.filter((oid) => !handled.has(oid));
    const looked = difference.looked.filter((oid) => !joining.has(oid));
    const again = await tellDifference(client, { ...difference, looked, offered }, due, triggers && before?.triggers === true);
    // Behind the commit of what was told: after a crash in between it is told again, which does no harm.
    this.#state = { ...now, again: [...waiting, ...again], publication: this.#publication, ...(seen === undefined ? {} : { seen: { names: seen.names, marks: seen.marks } }) };
    await writeCatalogState(out, this.#state);
  }

  /** Before anything is told of a table that is not in the publication yet. Gives those of which all is told. */
  async #keepPublication(client: pg.Client, areTold: boolean): Promise<Pick<Kept, 'handled' | 'joining'>> {
    const { tables, partitions, out } = this.#options;
    const name = publicationOf(this.#options);
    const kept = name === undefined ? undefined : await keepPublication(client, { name, tables, partitions }, this.#publication, areTold, this.#tell);
    if (kept === undefined) return { handled: new Set(), joining: new Set() };
    const isNews = JSON.stringify(kept.state) !== JSON.stringify(this.#publication);
    this.#publication = kept.state;
    if (isNews && this.#state !== undefined) {
      this.#state = { ...this.#state, publication: kept.state };
      await writeCatalogState(out, this.#state);
    }
    return kept;
  }

  /** Undefined when the stop came first. */
  async #connect(): Promise<pg.Client | undefined> {
    const connecting = this.#prepared();
    this.#client = await Promise.race([connecting, this.#stopped]);
    if (this.#client === undefined) connecting.then((late) => late.end(), () => {}); // nobody waits for it any more
    return this.#client;
  }

  async #prepared(): Promise<pg.Client> {
    const client = await connect(this.#options.pg, { applicationName: 'deltastream' });
    try {
      const { rows: [{ standby }] } = await client.query<{ standby: boolean }>(PREPARE);
      if (standby) throw new CannotTell('the server is a standby, where nothing can be written to the WAL');
      return client;
    } catch (error) {
      client.end().catch(() => {}); // it may be gone already
      throw error;
    }
  }

  #drop(): void {
    this.#client?.end().catch(() => {}); // it may be gone already
    this.#client = undefined;
  }
}

class CannotTell extends Error {}

function isFinal(error: unknown): boolean {
  return codeOf(error) === NO_RIGHT || error instanceof CannotTell;
}

/** What is told waits for no standby, behind which nobody would be told anything. */
const PREPARE = `
  select pg_is_in_recovery() as standby, set_config('statement_timeout', '${STATEMENT_TIMEOUT_MS}', false), set_config('synchronous_commit', 'local', false)`;
