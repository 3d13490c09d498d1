/** What a replication slot holds back, and how near it is to being lost. */
import type pg from 'pg';
import { placeOf } from './connection.js';
import { translate } from './failure.js';

/** A slot as the server sees it now. LSNs in Postgres's own spelling; what a version does not tell is null. */
export interface SlotHealth {
  readonly slot: string;
  readonly plugin: string | null;
  readonly database: string | null;
  readonly active: boolean;
  readonly activePid: number | null;
  /** `reserved`, `extended`, `unreserved` or `lost`. */
  readonly walStatus: string | null;
  /** Why the server gave the slot up (17 and later), or that it did. */
  readonly invalidationReason: string | null;
  readonly restartLsn: string | null;
  readonly confirmedFlushLsn: string | null;
  /** WAL that is kept for it. */
  readonly retainedBytes: number | null;
  /** WAL that its reader has not confirmed. */
  readonly lagBytes: number | null;
  /** WAL that may still be written before it may be lost; null where nothing limits it, or it is lost. */
  readonly safeBytes: number | null;
  /** `max_slot_wal_keep_size`; null where there is no limit. */
  readonly limitBytes: number | null;
  /** Transactions since the oldest version of a catalog row that it keeps from VACUUM. */
  readonly catalogAge: number | null;
  /** When its reader went (17 and later). */
  readonly inactiveSince: string | null;
  /** `idle_replication_slot_timeout` where one is set (18 and later). */
  readonly idleTimeout: string | null;
  /** Standbys keep a copy of it (17 and later). */
  readonly failover: boolean | null;
  /** It is such a copy. */
  readonly synced: boolean | null;
  /** The server is a standby. */
  readonly standby: boolean;
  /** When the server was started: what a slot has in memory alone is lost with it. */
  readonly serverStarted: string;
}

/** Undefined where there is no slot of that name. Needs no right. */
export async function readSlotHealth(client: pg.Client, slot: string): Promise<SlotHealth | undefined> {
  try {
    return (await client.query<SlotHealth>(SLOT_HEALTH, [slot])).rows[0];
  } catch (cause) {
    throw translate(cause, placeOf(client));
  }
}

/** The part of the limit that is used up, from 0 on; undefined where there is no limit. */
export function usedShare({ retainedBytes, limitBytes }: Pick<SlotHealth, 'retainedBytes' | 'limitBytes'>): number | undefined {
  return retainedBytes === null || limitBytes === null ? undefined : retainedBytes / Math.max(1, limitBytes);
}

/** True where changes are missing for good. */
export function isLost({ walStatus, invalidationReason }: Pick<SlotHealth, 'walStatus' | 'invalidationReason'>): boolean {
  return walStatus === 'lost' || invalidationReason !== null;
}

// Columns that only later versions have are read through jsonb, where an absent one is null: conflicting
// came with 16; invalidation_reason, failover, synced and inactive_since with 17.
export const SLOT_HEALTH = `
  select s.slot_name as slot, s.plugin, s.database, s.active, s.active_pid as "activePid", s.wal_status as "walStatus",
         coalesce(to_jsonb(s) ->> 'invalidation_reason', case when to_jsonb(s) ->> 'conflicting' = 'true' then 'it conflicts with recovery' end) as "invalidationReason",
         s.restart_lsn::text as "restartLsn", s.confirmed_flush_lsn::text as "confirmedFlushLsn",
         pg_wal_lsn_diff(wal.lsn, s.restart_lsn)::float8 as "retainedBytes",
         greatest(0, pg_wal_lsn_diff(wal.lsn, s.confirmed_flush_lsn))::float8 as "lagBytes",
         s.safe_wal_size::float8 as "safeBytes",
         (select nullif(setting::float8, -1) * 1048576 from pg_catalog.pg_settings where name = 'max_slot_wal_keep_size') as "limitBytes",
         age(s.catalog_xmin) as "catalogAge",
         to_jsonb(s) ->> 'inactive_since' as "inactiveSince",
         nullif(current_setting('idle_replication_slot_timeout', true), '0') as "idleTimeout",
         (to_jsonb(s) ->> 'failover')::boolean as failover, (to_jsonb(s) ->> 'synced')::boolean as synced,
         pg_is_in_recovery() as standby, pg_postmaster_start_time()::text as "serverStarted"
    from pg_catalog.pg_replication_slots s,
         (select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end as lsn) wal
   where s.slot_name = $1`;
