/**
 * A slot with the snapshot that it begins at: what the slot sends is exactly what the
 * snapshot does not see. Source: PostgreSQL documentation, "Streaming Replication
 * Protocol", CREATE_REPLICATION_SLOT.
 */
import type pg from 'pg';
import { parseLsn, type Lsn } from '../daystream/lsn.js';
import { chooseTables, type Chosen } from './choice.js';
import type { Partitions } from '../daystream/following.js';
import { isFollowed, parsePatterns } from '../daystream/pattern.js';
import { connect, placeOf } from './connection.js';
import { translate } from './failure.js';
import { lockTables } from './locks.js';
import type { PluginName } from './slot.js';

const LOCK_TIMEOUT = '10s';

export interface MadeSlot {
  /** What SET TRANSACTION SNAPSHOT takes, as long as nothing else is asked on the connection that made it. */
  readonly snapshotId: string;
  /** All that commits from here on is sent. */
  readonly lsn: Lsn;
}

/** Makes a permanent slot on a replication connection. Waits for every transaction that runs at that moment. */
export async function createSlotWithSnapshot(replication: pg.Client, name: string, plugin: PluginName, failover: boolean): Promise<MadeSlot> {
  const options = failover ? "(SNAPSHOT 'export', FAILOVER true)" : 'EXPORT_SNAPSHOT';
  try {
    const { rows: [made] } = await replication.query<{ consistent_point: string; snapshot_name: string }>(`CREATE_REPLICATION_SLOT "${name}" LOGICAL ${plugin} ${options}`);
    return { snapshotId: made.snapshot_name, lsn: parseLsn(made.consistent_point) };
  } catch (cause) {
    throw translate(cause, `slot "${name}"`);
  }
}

export interface SlotSnapshot {
  /** Reads at the snapshot, in a transaction. */
  readonly client: pg.Client;
  /** As `pg_current_snapshot()` prints it. */
  readonly text: string;
  readonly timestampUs: bigint;
  readonly tables: readonly Chosen[];
}

/**
 * The followed tables at a slot's snapshot, locked. Undefined where one of them was made
 * anew, rewritten, emptied or changed since: such a change takes its rows from every
 * snapshot, so another slot has to be made.
 */
export async function openSlotSnapshot(target: string | undefined, applicationName: string, { snapshotId }: MadeSlot, following: { readonly tables: string | undefined; readonly partitions: Partitions }): Promise<SlotSnapshot | undefined> {
  const client = await connect(target, { applicationName });
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await client.query(`SET TRANSACTION SNAPSHOT '${snapshotId}'`);
    await client.query(`SET LOCAL row_security = off; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`);
    const { rows: [{ text, us }] } = await client.query<{ text: string; us: string }>("SELECT pg_current_snapshot()::text AS text, (extract(epoch FROM clock_timestamp()) * 1000000)::int8::text AS us");
    const { chosen } = await chooseTables(client, parsePatterns('*.*'), following.partitions);
    const tables = chosen.filter(({ schema, table }) => isFollowed(following.tables, schema, table));
    await lockTables(client, tables, false);
    if (await printOf(client, tables) === await currentPrint(target, applicationName, tables)) return { client, text, timestampUs: BigInt(us), tables };
    await client.end();
    return undefined;
  } catch (error) {
    client.end().catch(() => {}); // it may be gone already
    if (GONE.includes(String((error as { code?: unknown }).code))) return undefined;
    throw translate(error, placeOf(client));
  }
}

/** A table, or its schema, that the snapshot sees and that is there no longer. */
const GONE = ['42P01', '3F000'];

async function currentPrint(target: string | undefined, applicationName: string, tables: readonly Chosen[]): Promise<string> {
  const client = await connect(target, { applicationName });
  try {
    return await printOf(client, tables);
  } finally {
    await client.end();
  }
}

/** What tells that the tables' files, columns and partitions are the same. */
async function printOf(client: pg.Client, tables: readonly Chosen[]): Promise<string> {
  return (await client.query<{ print: string }>(PRINT, [tables.map(({ oid }) => oid)])).rows[0].print;
}

const PRINT = `
  WITH RECURSIVE tree AS (SELECT unnest($1::oid[]) AS oid UNION SELECT inhrelid FROM tree JOIN pg_inherits ON inhparent = tree.oid JOIN pg_class AS c ON c.oid = inhrelid WHERE c.relispartition)
  SELECT coalesce(json_agg(json_build_array(c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relfilenode, c.relispartition, (SELECT max(inhparent) FROM pg_inherits WHERE inhrelid = c.oid), (
      SELECT json_agg(json_build_array(attnum, attname, atttypid, atttypmod) ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0)) ORDER BY c.oid)::text, '') AS print
    FROM tree JOIN pg_class AS c ON c.oid = tree.oid JOIN pg_namespace AS n ON n.oid = c.relnamespace`;
