/** The SQL connection beside the stream: what the replication protocol cannot ask. */
import type pg from 'pg';
import { parseLsn, type Lsn } from '../daystream/lsn.js';
import { connect } from '../postgres/connection.js';
import { SLOT_HEALTH, type SlotHealth } from '../postgres/slot-health.js';

/** While it is asked no message is taken in, so it must not be waited for long. */
const QUERY_TIMEOUT_MS = 2_000;

export class Beside {
  readonly #target: string | undefined;
  #client: pg.Client | undefined;
  #connecting: Promise<void> | undefined;
  #walLsn: Lsn | undefined;
  #closed = false;

  constructor(target: string | undefined, client: pg.Client) {
    this.#target = target;
    this.#client = client;
  }

  /** How far the server's WAL was when it was last asked. */
  get walLsn(): Lsn | undefined {
    return this.#walLsn;
  }

  /**
   * The text of pg_current_snapshot(), or undefined where none can be had now: on a standby, which
   * does not print the transactions that run, and while this connection is being made again.
   */
  async snapshot(): Promise<string | undefined> {
    const row = await this.#ask<{ snapshot: string | null; lsn: string | null }>(SNAPSHOT, []);
    if (row?.lsn != null) this.#walLsn = parseLsn(row.lsn);
    return row?.snapshot ?? undefined;
  }

  /** How the slot is; undefined where it is gone, or cannot be asked for now. */
  async health(slot: string): Promise<SlotHealth | undefined> {
    return this.#ask<SlotHealth>(SLOT_HEALTH, [slot]);
  }

  /** True when the server still has somebody who reads the slot; false too when it cannot be asked. */
  async isSlotActive(slot: string): Promise<boolean> {
    if (this.#client === undefined) await this.#reconnect();
    const row = await this.#ask<{ active: boolean }>('select active from pg_catalog.pg_replication_slots where slot_name = $1', [slot]);
    return row?.active === true;
  }

  /** True where somebody waits for a lock that this process of the server holds; false too when it cannot be asked. */
  async isWaitedFor(pid: number): Promise<boolean> {
    const row = await this.#ask<{ waiting: boolean }>(WAITING, [String(pid)]);
    return row?.waiting === true;
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #drop(): void {
    this.#client?.end().catch(() => {}); // it may be gone already
    this.#client = undefined;
  }

  /** One row; undefined when the connection failed. Then it is made again, and nobody waits for it. */
  async #ask<Row extends pg.QueryResultRow>(text: string, values: string[]): Promise<Row | undefined> {
    if (this.#client === undefined) {
      void this.#reconnect();
      return undefined;
    }
    try {
      const query = { text, values, query_timeout: QUERY_TIMEOUT_MS };
      return (await this.#client.query<Row>(query)).rows[0];
    } catch {
      this.#drop(); // the stream is what matters, and it tells when the server is gone
      void this.#reconnect();
      return undefined;
    }
  }

  /** One attempt at a time; never throws. */
  #reconnect(): Promise<void> {
    this.#connecting ??= connect(this.#target, { applicationName: 'deltastream' })
      .then((client) => {
        this.#client = client;
        if (this.#closed) this.#drop();
      }, () => {})
      .finally(() => { this.#connecting = undefined; });
    return this.#connecting;
  }
}

const SNAPSHOT = `
  select case when pg_is_in_recovery() then null else pg_current_snapshot()::text end as snapshot,
         (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end)::text as lsn`;

/** Not by pg_stat_activity, which tells most roles nothing of others. */
const WAITING = `
  select exists (select from pg_catalog.pg_locks where not granted and $1::int = any (pg_blocking_pids(pid))) as waiting`;
