/**
 * The watch: compares the catalog with what the log was last told, and tells what differs by control
 * messages. It is how comments, renamed labels and newly followed tables reach the log where no event
 * trigger tells them, and the net under those. It has a connection of its own, holds up nothing, and
 * never fails: what it cannot do now it does the next time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Following } from '../daystream/following.js';
import { reasonOf } from '../errors.js';
import { connect } from '../postgres/connection.js';
import { tellControls, type Control } from '../postgres/control.js';
import { codeOf } from '../postgres/failure.js';
import { readDigest, readTablePrints, readTypeItems, readUsersOf } from '../postgres/fingerprint.js';
import { readTriggers } from '../postgres/triggers.js';
import { compare, onlyFollowed, readCatalogState, stateOf, writeCatalogState, type Again, type CatalogState, type Difference } from './catalog-state.js';
import { describeSchemaChanges } from './schema-changes.js';

/** With event triggers in place the comparison is only the net. */
const NET_INTERVAL_MS = 5 * 60_000;
/** So often it is asked whether the log has something new to say of schemas. */
const ASK_INTERVAL_MS = 250;
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
}

export class Watch {
  readonly #options: WatchOptions;
  readonly #tell: (text: string) => void;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #client: pg.Client | undefined;
  #state: CatalogState | undefined;

  /** `tell` is told the same more than once. */
  constructor(options: WatchOptions, tell: (text: string) => void) {
    this.#options = options;
    this.#tell = tell;
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
    this.#state = await readCatalogState(this.#options.out);
    while (!signal.aborted) {
      const seen = news();
      if (!await this.#attempt()) return;
      const dueMs = performance.now() + this.#intervalMs();
      for (let leftMs = dueMs - performance.now(); leftMs > 0 && !signal.aborted; leftMs = dueMs - performance.now()) {
        await sleep(Math.min(leftMs, ASK_INTERVAL_MS), undefined, { signal }).catch(() => {}); // a stop ends the wait
        if (news() !== seen) break;
      }
    }
  }

  /** With event triggers there is seldom anything to find. */
  #intervalMs(): number {
    const { schemaIntervalMs } = this.#options;
    const isNet = this.#state?.triggers === true && this.#state.again.length === 0;
    return Math.max(isNet ? NET_INTERVAL_MS : INTERVAL_AT_LEAST_MS, schemaIntervalMs);
  }

  /** One comparison; false where there will never be one. The stream says when the server is gone. */
  async #attempt(): Promise<boolean> {
    try {
      const client = this.#client ?? await this.#connect();
      if (client !== undefined) await this.#look(client);
      return true;
    } catch (error) {
      this.#drop();
      if (this.#stop.signal.aborted) return false;
      const isFinal = codeOf(error) === NO_RIGHT || error instanceof CannotTell;
      if (isFinal) this.#tell(`schema changes: ${reasonOf(error)}: comments and changed types are not followed`);
      else if (REFUSED.test(codeOf(error))) this.#tell(`schema changes: ${reasonOf(error)}; trying again`);
      return !isFinal;
    }
  }

  async #look(client: pg.Client): Promise<void> {
    const { tables, partitions, out } = this.#options;
    const before = this.#state;
    const triggersState = await readTriggers(client);
    const triggers = triggersState === 'installed';
    this.#tell(describeSchemaChanges(triggersState));
    const { digest, oldestXid } = await readDigest(client);
    const [due, waiting] = split(before?.again ?? [], oldestXid);
    if (before?.digest === digest && before.tables === (tables ?? null) && before.partitions === partitions && before.triggers === triggers && due.length === 0) return;
    const followed = onlyFollowed(await readTablePrints(client, partitions), this.#options);
    const now = stateOf(this.#options, digest, triggers, followed, await readTypeItems(client));
    const again = await tellDifference(client, compare(before, now, followed), due, triggers && before?.triggers === true);
    // Behind the commit of what was told: after a crash in between it is told again, which does no harm.
    this.#state = { ...now, again: [...waiting, ...again] };
    await writeCatalogState(out, this.#state);
  }

  /** Undefined when the stop came first. */
  async #connect(): Promise<pg.Client | undefined> {
    if (this.#stop.signal.aborted) return undefined;
    const connecting = this.#prepared();
    const stopped = new Promise<undefined>((resolve) => this.#stop.signal.addEventListener('abort', () => resolve(undefined), { once: true }));
    this.#client = await Promise.race([connecting, stopped]);
    if (this.#client === undefined) connecting.then((late) => late.end(), () => {}); // nobody waits for it any more
    return this.#client;
  }

  async #prepared(): Promise<pg.Client> {
    const client = await connect(this.#options.pg, { applicationName: 'deltastream' });
    const { rows: [{ standby }] } = await client.query<{ standby: boolean }>(PREPARE);
    if (!standby) return client;
    await client.end();
    throw new CannotTell('the server is a standby, where nothing can be written to the WAL');
  }

  #drop(): void {
    this.#client?.end().catch(() => {}); // it may be gone already
    this.#client = undefined;
  }
}

class CannotTell extends Error {}

/** Those that are due, now that all transactions below `oldestXid` have ended, and the others. */
function split(again: readonly Again[], oldestXid: bigint): [due: Again[], waiting: Again[]] {
  const isDue = ({ xid }: Again) => BigInt(xid) < oldestXid;
  return [again.filter(isDue), again.filter((one) => !isDue(one))];
}

/**
 * Gives what has to be copied once more: a transaction that wrote rows before a label was renamed,
 * and commits after the copy was taken, has the old label in the log. `isStaleTold`: event triggers
 * have said that the tables are stale, and nobody knows who was writing then.
 */
async function tellDifference(client: pg.Client, difference: Difference, due: readonly Again[], isStaleTold: boolean): Promise<Again[]> {
  const { looked, offered, renamedTypes, changedTypes } = difference;
  const renamed = renamedTypes.length === 0 ? [] : await readUsersOf(client, renamedTypes);
  const stale = changedTypes.length === 0 ? [] : await readUsersOf(client, changedTypes);
  const controls: Control[] = [
    { word: 'look', oids: [...new Set([...looked, ...renamed])] },
    { word: 'stale', oids: isStaleTold ? [] : stale },
    { word: 'reload', oids: due.flatMap(({ oids }) => oids) },
    { word: 'offer', oids: offered },
  ];
  if (stale.length === 0 && controls.every(({ oids }) => oids.length === 0)) return [];
  const { xid, oldestXid } = await tellControls(client, controls);
  return stale.length > 0 && (isStaleTold || oldestXid < xid) ? [{ xid: String(xid), oids: stale }] : [];
}

const PREPARE = `select pg_is_in_recovery() as standby, set_config('statement_timeout', '${STATEMENT_TIMEOUT_MS}', false)`;
