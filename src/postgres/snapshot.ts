/**
 * One snapshot of Postgres, seen by several connections. All of them lock the tables
 * before it is taken, so no ALTER or TRUNCATE slips in between the catalog and the rows.
 *
 * An ALTER that waits for the first connection's lock makes every later one wait behind
 * it, a deadlock that Postgres cannot see. So only the first connection waits for its
 * locks; where another is kept waiting, all let go and begin anew, in the end with one.
 */
import type pg from 'pg';
import { parseLsn, type Lsn } from '../daystream/lsn.js';
import { DeltaError } from '../errors.js';
import type { Chosen } from './choice.js';
import { connect, placeOf } from './connection.js';
import { codeOf, translate } from './failure.js';
import { HeldUp, lockTables, noRoom, OUT_OF_MEMORY } from './locks.js';

export { fromClause } from './locks.js';

const LOCK_TIMEOUT = '10s';
/** The other connections lock what the first one has locked: that takes no time unless somebody waits in between. */
const SIDE_LOCK_TIMEOUT = '200ms';
const LOCK_ATTEMPTS = 5;
const DEADLOCK = '40P01';
/** The table is gone, or its schema. */
const NO_SUCH_TABLE = ['42P01', '3F000'];

export interface SharedSnapshot {
  /** Each reads at the snapshot, in a transaction of its own; the first one took it. */
  readonly clients: readonly [pg.Client, ...pg.Client[]];
  /** As `pg_current_snapshot()` prints it. */
  readonly text: string;
  /** Every transaction visible in the snapshot has a commit record before it. */
  readonly lsn: Lsn;
  /** By the server's clock: microseconds since 1970 UTC. */
  readonly takenAtUs: number;
  /** The one that the server writes; undefined on a standby. */
  readonly timeline: number | undefined;
  /** On a standby: what it had replayed around the snapshot, whose text does not tell which transactions were running. */
  readonly replayed: Replayed | undefined;
  /** Of the server, as `server_version_num`. */
  readonly version: number;
  /** Whom we talk to, for messages. */
  readonly place: string;
  close(): Promise<void>;
}

/** A snapshot of a standby sees what was replayed before it was taken. */
export interface Replayed {
  /** Every commit whose record begins before it is visible. */
  readonly from: Lsn;
  /** No commit whose record begins here or behind is visible, but for the very next where not all was replayed: it is visible just before it counts as replayed. */
  readonly to: Lsn;
  /** The standby had nothing more. */
  readonly isAll: boolean;
}

/** The cluster and the database that a client is connected to. */
export interface Cluster {
  readonly system: string;
  readonly database: string;
  /** A hot standby: its snapshots do not tell which transactions were running. */
  readonly inRecovery: boolean;
  /** As `server_version_num`. */
  readonly version: number;
}

export async function identifyCluster(client: pg.Client): Promise<Cluster> {
  const { rows } = await client.query<Cluster>(
    'SELECT system_identifier::text AS system, current_database()::text AS database, pg_is_in_recovery() AS "inRecovery", current_setting(\'server_version_num\')::int AS version FROM pg_control_system()');
  return rows[0];
}

/**
 * Locks the tables and takes a snapshot on `connections` connections. Undefined where a
 * table was dropped or renamed since it was chosen: choose again. Throws DeltaError
 * busy, naming who blocks, when a lock is not had within 10 s.
 */
export async function takeSnapshot(target: string | undefined, applicationName: string, tables: readonly Chosen[], connections: number): Promise<SharedSnapshot | undefined> {
  const first = await connect(target, { applicationName });
  const clients: [pg.Client, ...pg.Client[]] = [first];
  const close = async () => { await Promise.allSettled(clients.map((client) => client.end())); };
  try {
    while (clients.length < connections) clients.push(await connect(target, { applicationName }));
    const from = await lockAndReplayed(target, applicationName, clients, tables);
    const { rows: [{ text, us, id, version }] } = await first.query<{ text: string; us: string; id: string; version: number }>("SELECT pg_current_snapshot()::text AS text, (extract(epoch FROM clock_timestamp()) * 1000000)::int8::text AS us, current_setting('server_version_num')::int AS version, pg_export_snapshot() AS id");
    const { rows: [{ lsn, file }] } = await first.query<{ lsn: string; file: string | null }>(`SELECT lsn::text, ${from === undefined ? 'pg_walfile_name(lsn)' : 'NULL'} AS file FROM ${from === undefined ? 'pg_current_wal_insert_lsn' : 'pg_last_wal_replay_lsn'}() AS lsn`);
    const replayed = from === undefined ? undefined : { from, to: parseLsn(lsn), isAll: await isAllReplayed(first, lsn) };
    for (const client of clients.slice(1)) await client.query(`SET TRANSACTION SNAPSHOT '${id}'`);
    return { clients, text, takenAtUs: Number(us), version, lsn: parseLsn(lsn), timeline: file === null ? undefined : timelineOf(file), replayed, place: placeOf(first), close };
  } catch (error) {
    const failure = codeOf(error) === OUT_OF_MEMORY ? await noRoom(first, tables, connections, error) : error;
    await close();
    if (NO_SUCH_TABLE.includes(codeOf(error))) return undefined;
    throw failure instanceof DeltaError ? failure : translate(failure, placeOf(first));
  }
}

/** A WAL file's name begins with its timeline, in eight hexadecimal digits. */
function timelineOf(file: string): number {
  return Number.parseInt(file.slice(0, 8), 16);
}

/** Locks, and gives what a standby has replayed then; undefined on a primary. Asked on a connection of its own, since the first question of a transaction takes its snapshot. */
async function lockAndReplayed(target: string | undefined, applicationName: string, clients: [pg.Client, ...pg.Client[]], tables: readonly Chosen[]): Promise<Lsn | undefined> {
  const { rows: [{ standby }] } = await clients[0].query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
  const beside = standby ? await connect(target, { applicationName }) : undefined;
  try {
    await lockAll(clients, tables);
    const answer = await beside?.query<{ lsn: string }>('SELECT pg_last_wal_replay_lsn()::text AS lsn');
    return answer === undefined ? undefined : parseLsn(answer.rows[0].lsn);
  } finally {
    await beside?.end();
  }
}

/** Asked behind what was replayed: a record that was being replayed then has been received by now. */
async function isAllReplayed(client: pg.Client, replayed: string): Promise<boolean> {
  const { rows: [{ received }] } = await client.query<{ received: string | null }>('SELECT pg_last_wal_receive_lsn()::text AS received');
  return received === replayed;
}

/** Leaves those of the clients that hold all locks. */
async function lockAll(clients: [pg.Client, ...pg.Client[]], tables: readonly Chosen[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const last = attempt === LOCK_ATTEMPTS;
    const [first, ...others] = clients;
    if (last) await Promise.allSettled(clients.splice(1).map((client) => client.end()));
    try {
      await begin(first, tables, LOCK_TIMEOUT);
      if (!last) for (const client of others) await begin(client, tables, SIDE_LOCK_TIMEOUT, true);
      return;
    } catch (error) {
      if (last || !(error instanceof HeldUp || codeOf(error) === DEADLOCK)) throw error;
      for (const client of clients) await client.query('ROLLBACK');
    }
  }
}

/** Opens a transaction and locks the tables. LOCK TABLE takes no snapshot, so the snapshot is younger than every lock. */
async function begin(client: pg.Client, tables: readonly Chosen[], lockTimeout: string, beside = false): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  // Rows hidden by a policy would be lost without a word; this makes Postgres refuse instead.
  await client.query('SET LOCAL row_security = off');
  await client.query('SET LOCAL statement_timeout = 0');
  await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
  await client.query(`SET LOCAL lock_timeout = '${lockTimeout}'`);
  await lockTables(client, tables, beside);
  await client.query('SET LOCAL lock_timeout = 0');
}
