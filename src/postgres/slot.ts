/** Replication slots: what one is, and making and dropping it. */
import type pg from 'pg';
import { DeltaError } from '../errors.js';
import { placeOf } from './connection.js';
import { translate } from './failure.js';

/** The name of our output plugin, as slots and `output_plugin_libraries` know it. */
export const PLUGIN = 'deltastream';
/** The one that every Postgres has. */
export const PGOUTPUT = 'pgoutput';
export type PluginName = typeof PLUGIN | typeof PGOUTPUT;
/** `auto`: that of the slot; for a new one ours, where it can be loaded. */
export type PluginChoice = 'auto' | PluginName;

/** A row of pg_replication_slots. LSNs in Postgres's own spelling. */
export interface Slot {
  readonly name: string;
  readonly plugin: string | null;
  readonly database: string | null;
  readonly temporary: boolean;
  readonly activePid: number | null;
  /** `application_name` and address of whoever reads the slot, where this role may see it. */
  readonly activeApplication: string | null;
  readonly activeAddress: string | null;
  /** `reserved`, `extended`, `unreserved` or `lost`. */
  readonly walStatus: string | null;
  readonly restartLsn: string | null;
  readonly confirmedFlushLsn: string | null;
  /** Why the server gave the slot up (PostgreSQL 17 and later). */
  readonly invalidationReason: string | null;
}

/** Throws DeltaError `usage` unless Postgres takes the name. Source: ReplicationSlotValidateName. */
export function checkSlotName(name: string): string {
  if (/^[a-z0-9_]{1,63}$/.test(name)) return name;
  throw new DeltaError('usage', `--slot: '${name}' is not a slot name`, { hint: 'use 1 to 63 of a-z, 0-9 and _' });
}

/** Reads one slot; undefined when there is none of that name. */
export async function readSlot(client: pg.Client, name: string): Promise<Slot | undefined> {
  try {
    const { rows } = await client.query<Slot>(SLOT_QUERY, [name]);
    return rows[0];
  } catch (cause) {
    throw translate(cause, placeOf(client));
  }
}

/** Makes a permanent slot. Waits for every transaction that runs at that moment. `failover`: standbys keep a copy of it. */
export async function createSlot(client: pg.Client, name: string, plugin: PluginName, failover = false): Promise<void> {
  try {
    await client.query(`select pg_catalog.pg_create_logical_replication_slot($1, $2${failover ? ', failover => true' : ''})`, [name, plugin]);
  } catch (cause) {
    throw translate(cause, `slot "${name}"`);
  }
}

/** Makes a slot that goes with this connection, which may be one for replication: such take no parameters. */
export async function createTemporarySlot(client: pg.Client, name: string, plugin: PluginName): Promise<void> {
  try {
    await client.query(`select pg_catalog.pg_create_logical_replication_slot('${checkSlotName(name)}', '${plugin}', true)`);
  } catch (cause) {
    throw translate(cause, `slot "${name}"`);
  }
}

/** True where slots can be made that standbys keep a copy of: a primary since PostgreSQL 17. */
export async function knowsFailover(client: pg.Client): Promise<boolean> {
  try {
    const { rows } = await client.query<{ known: boolean }>("select current_setting('server_version_num')::int >= 170000 and not pg_is_in_recovery() as known");
    return rows[0].known;
  } catch (cause) {
    throw translate(cause, placeOf(client));
  }
}

/** Drops a slot that nobody reads. */
export async function dropSlot(client: pg.Client, name: string): Promise<void> {
  try {
    await client.query('select pg_catalog.pg_drop_replication_slot($1)', [name]);
  } catch (cause) {
    throw translate(cause, `slot "${name}"`);
  }
}

/** Whom a slot is read by: `pid 4711 (deltastream from 10.0.0.7)`. */
export function readerOf(slot: Slot): string {
  const application = slot.activeApplication || 'an unknown program';
  const address = slot.activeAddress === null ? '' : ` from ${slot.activeAddress}`;
  return `pid ${slot.activePid} (${application}${address})`;
}

// Columns that only later versions have are read through jsonb, where an absent one is null.
const SLOT_QUERY = `
  select s.slot_name as name, s.plugin, s.database, s.temporary,
         s.active_pid as "activePid", a.application_name as "activeApplication", host(a.client_addr) as "activeAddress",
         s.wal_status as "walStatus", s.restart_lsn::text as "restartLsn", s.confirmed_flush_lsn::text as "confirmedFlushLsn",
         to_jsonb(s) ->> 'invalidation_reason' as "invalidationReason"
    from pg_catalog.pg_replication_slots s
    left join pg_catalog.pg_stat_activity a on a.pid = s.active_pid
   where s.slot_name = $1`;
