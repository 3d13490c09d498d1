/** The Postgres that the log is to go on with: looked at first, then its slot made with the snapshot that it begins at. */
import type pg from 'pg';
import type { LogIdentity } from '../daystream/segment.js';
import { isFollowed, parsePatterns } from '../daystream/pattern.js';
import { DeltaError } from '../errors.js';
import { describeTables, type SourceTable } from '../postgres/catalog.js';
import { chooseTables, type Choice, type Chosen } from '../postgres/choice.js';
import { connect, placeOf } from '../postgres/connection.js';
import { translate } from '../postgres/failure.js';
import { toError } from '../postgres/finding.js';
import { preflight } from '../postgres/preflight.js';
import { preparePublication } from '../postgres/publication-change.js';
import { readPublished, sendsGenerated, unpublished } from '../postgres/publication.js';
import { identifySystem, type Identity } from '../postgres/replication.js';
import { takeSnapshot } from '../postgres/snapshot.js';
import { whileWaiting } from '../postgres/slot-wait.js';
import { createSlotWithSnapshot, openSlotSnapshot, type MadeSlot, type SlotSnapshot } from '../postgres/slot-snapshot.js';
import { dropSlot, knowsFailover, PGOUTPUT, PLUGIN, readerOf, readSlot, type PluginName } from '../postgres/slot.js';
import { tableKey } from '../sqlite/names.js';
import type { ReconcileOptions } from './options.js';

const NAME = { applicationName: 'deltastream reconcile' };
const ATTEMPTS = 5;

/** The tables at one snapshot. */
export interface Seen {
  readonly client: pg.Client;
  readonly tables: readonly SourceTable[];
  /** Every relation of that name, followed or not. */
  readonly present: ReadonlySet<string>;
  /** Undefined where only the differences are asked for. */
  readonly made: (MadeSlot & Pick<SlotSnapshot, 'text' | 'timestampUs'>) | undefined;
}

export class Source {
  private constructor(
    readonly sql: pg.Client,
    readonly replication: pg.Client,
    readonly identity: Identity,
    readonly plugin: PluginName,
    /** As in 150004. */
    private readonly version: number,
    private readonly options: ReconcileOptions,
    private readonly tell: (text: string) => void,
  ) {}

  /** Connects, and asks for what stands in the way. Changes nothing. `plugin`: that of the log. */
  static async open(options: ReconcileOptions, plugin: string, tell: (text: string) => void): Promise<Source> {
    const sql = await connect(options.pg, NAME);
    let replication: pg.Client | undefined;
    try {
      replication = await connect(options.pg, { ...NAME, replication: true });
      const { rows: [{ standby, version }] } = await sql.query<{ standby: boolean; version: number }>("SELECT pg_is_in_recovery() AS standby, current_setting('server_version_num')::int AS version");
      if (standby) throw new DeltaError('config', `${placeOf(sql)}: a hot standby, of which no snapshot can be taken that a slot begins at`, { hint: 'promote it, or give --pg the address of the primary' });
      const found = await preflight(sql, { ...options, slot: undefined, createSlot: true, plugin: options.plugin === 'auto' && plugin === PGOUTPUT ? PGOUTPUT : options.plugin, replicationFailure: undefined });
      const hasSlot = await readSlot(sql, options.slot) !== undefined;
      const error = found.findings.find(({ severity, what }) => severity === 'error' && !(hasSlot && what.startsWith('max_replication_slots:')));
      if (error !== undefined) throw toError(error);
      return new Source(sql, replication, await identifySystem(replication), found.plugin, version, options, tell);
    } catch (error) {
      end(sql, replication);
      throw error;
    }
  }

  get place(): string { return placeOf(this.sql); }

  get logIdentity(): LogIdentity {
    const { system, timeline, database } = this.identity;
    return { system, timeline, slot: this.options.slot, plugin: this.plugin, publication: this.#publication, database };
  }

  get #publication(): string | undefined { return this.plugin === PGOUTPUT ? this.options.slot : undefined; }

  /** The tables as they are now, without a slot. */
  async look(): Promise<Seen> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { chosen } = await this.#choose(this.sql);
      const snapshot = await takeSnapshot(this.options.pg, NAME.applicationName, chosen, 1);
      if (snapshot === undefined) continue;
      const [client] = snapshot.clients;
      const { sources, present } = await this.#describe(client);
      return { client, tables: sources, present, made: undefined };
    }
    throw this.#unquiet();
  }

  /** Calls `begins` before anything changes; drops the slot of the history that ended, makes the new one, and sees the tables at the snapshot that it begins at. */
  async makeSlot(begins: () => void): Promise<Seen> {
    const { slot, pg: target, tables, partitions } = this.options;
    await this.#removeSlot(begins);
    if (this.plugin === PGOUTPUT && await preparePublication(this.sql, { name: slot, tables, partitions }, false)) this.tell(`publication "${slot}" is made, or brought into step`);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const failover = await knowsFailover(this.sql);
      const made = await whileWaiting(this.replication, this.sql, slot, this.tell, () => createSlotWithSnapshot(this.replication, slot, this.plugin, failover));
      this.tell(`made slot "${slot}"${failover ? ', a failover slot' : ''}`);
      try {
        const snapshot = await openSlotSnapshot(target, NAME.applicationName, made, { tables, partitions });
        if (snapshot !== undefined) {
          const { sources, present } = await this.#describe(snapshot.client);
          return { client: snapshot.client, tables: sources, present, made: { ...made, text: snapshot.text, timestampUs: snapshot.timestampUs } };
        }
      } catch (error) {
        await this.dropSlot();
        throw error;
      }
      await dropSlot(this.sql, slot);
    }
    throw this.#unquiet();
  }

  /** When what was begun comes to nothing: a slot that nobody reads would keep the server's WAL. */
  async dropSlot(): Promise<void> {
    await dropSlot(this.sql, this.options.slot).catch(() => this.tell(`slot "${this.options.slot}": could not be dropped; it is of no use: deltastream drop --slot ${this.options.slot}`));
  }

  /** False too where the server cannot be asked. */
  async hasNoSlot(): Promise<boolean> {
    return await readSlot(this.sql, this.options.slot).catch(() => null) === undefined;
  }

  /** Ends what is under way, such as the wait for a slot: the server makes none then. */
  interrupt(): void {
    this.replication.end().catch(() => {}); // it may be gone already
  }

  close(): void {
    end(this.sql, this.replication);
  }

  async #removeSlot(begins: () => void): Promise<void> {
    const name = this.options.slot;
    const slot = await readSlot(this.sql, name);
    if (slot === undefined) return begins();
    if (slot.plugin !== PLUGIN && slot.plugin !== PGOUTPUT) throw new DeltaError('slot', `slot "${name}": belongs to ${slot.plugin === null ? 'a standby' : `the plugin ${slot.plugin}`}, deltastream did not make it`, { hint: 'choose another --slot' });
    if (slot.database !== this.identity.database) throw new DeltaError('slot', `slot "${name}": belongs to database "${slot.database}", this one is "${this.identity.database}"`, { hint: `connect to "${slot.database}"` });
    if (slot.activePid !== null) throw new DeltaError('busy', `slot "${name}": is being read by ${readerOf(slot)}`, { hint: 'stop that process, then reconcile again' });
    begins();
    await dropSlot(this.sql, name);
    this.tell(`slot "${name}": dropped; what it sends does not follow the log`);
  }

  async #choose(client: pg.Client): Promise<{ readonly chosen: readonly Chosen[]; readonly present: ReadonlySet<string> }> {
    const { tables, partitions } = this.options;
    const all = await chooseTables(client, parsePatterns('*.*'), partitions).catch(orNone);
    const chosen = all.chosen.filter(({ schema, table }) => isFollowed(tables, schema, table));
    // Every host would lose all that it has.
    if (chosen.length === 0) throw new DeltaError('config', `${placeOf(client)}: has none of the tables that the log follows`, { hint: 'is that the right database? give it with --pg' });
    return { chosen, present: new Set([...all.chosen, ...all.passedOver].map(({ schema, table }) => tableKey(schema, table))) };
  }

  async #describe(client: pg.Client): Promise<{ sources: SourceTable[]; present: ReadonlySet<string> }> {
    try {
      const { chosen, present } = await this.#choose(client);
      const publication = this.#publication;
      const published = publication === undefined ? undefined : new Map((await readPublished(client, publication, this.options.partitions)).map((table) => [table.oid, table]));
      const sent = chosen.filter(({ oid, schema, table }) => {
        const missing = published?.get(oid) && unpublished(published.get(oid)!, publication!);
        if (missing !== undefined) this.tell(`${schema}.${table}: is not in the log: ${missing.reason}${missing.cure === '' ? '' : ` — ${missing.cure}`}`);
        return missing === undefined;
      });
      return { sources: await describeTables(client, sent, { generated: sendsGenerated(publication, this.version) }), present };
    } catch (error) {
      client.end().catch(() => {}); // it may be gone already
      throw translate(error, placeOf(client));
    }
  }

  #unquiet(): DeltaError {
    return new DeltaError('busy', `${this.place}: its tables keep changing their shape, after ${ATTEMPTS} attempts`, { hint: 'start again when nobody alters or truncates tables' });
  }
}

/** That patterns choose nothing is told otherwise here. */
function orNone(error: unknown): Choice {
  if (error instanceof DeltaError && error.code === 'usage') return { chosen: [], passedOver: [] };
  throw error;
}

function end(...clients: (pg.Client | undefined)[]): void {
  for (const client of clients) client?.end().catch(() => {}); // it may be gone already
}
