/** Locks on many tables, and what to say where one is not to be had. */
import type pg from 'pg';
import { DeltaError } from '../errors.js';
import type { Chosen } from './choice.js';
import { placeOf } from './connection.js';
import { codeOf } from './failure.js';

export const OUT_OF_MEMORY = '53200';
export const LOCK_TIMED_OUT = '55P03';
const NO_RIGHT = '42501';
/** A statement for each table would be as many round trips, on each connection. */
const TABLES_PER_STATEMENT = 500;

type Lockable = Pick<Chosen, 'oid' | 'schema' | 'table' | 'kind'>;

/** A connection beside the first had to wait for a lock. */
export class HeldUp extends Error {}

/** Locks the tables against ALTER and TRUNCATE, in the client's transaction. Throws HeldUp where a connection beside the first has to wait. */
export async function lockTables(client: pg.Client, tables: readonly Lockable[], beside: boolean): Promise<void> {
  for (let from = 0; from < tables.length; from += TABLES_PER_STATEMENT) {
    const some = tables.slice(from, from + TABLES_PER_STATEMENT);
    try {
      await lock(client, some);
    } catch (error) {
      if (codeOf(error) === LOCK_TIMED_OUT && beside) throw new HeldUp();
      if (codeOf(error) === LOCK_TIMED_OUT) throw await locked(client, some, error);
      if (codeOf(error) === NO_RIGHT) throw await refused(client, some, error);
      throw error;
    }
  }
}

/** The table as FROM and LOCK name it: a partitioned root speaks for its partitions, any other table for itself alone. */
export function fromClause(client: pg.Client, table: Omit<Lockable, 'oid'>): string {
  const name = `${client.escapeIdentifier(table.schema)}.${client.escapeIdentifier(table.table)}`;
  return table.kind === 'partitioned' ? name : `ONLY ${name}`;
}

async function lock(client: pg.Client, tables: readonly Lockable[]): Promise<void> {
  await client.query(`LOCK TABLE ${tables.map((table) => fromClause(client, table)).join(', ')} IN ACCESS SHARE MODE`);
}

/** Which of the tables may not be read: the first that Postgres refuses alone. */
async function refused(client: pg.Client, tables: readonly Lockable[], cause: unknown): Promise<unknown> {
  await client.query('ROLLBACK');
  for (const table of tables) {
    try {
      await client.query('BEGIN');
      await lock(client, [table]);
    } catch (error) {
      if (codeOf(error) !== NO_RIGHT) throw error;
      const schema = client.escapeIdentifier(table.schema);
      return new DeltaError('config', `${placeOf(client)}: role ${client.user} may not read ${table.schema}.${table.table}`, {
        hint: `as its owner: GRANT USAGE ON SCHEMA ${schema} TO ${client.user}; GRANT SELECT ON ${schema}.${client.escapeIdentifier(table.table)} TO ${client.user};`,
        cause: error,
      });
    } finally {
      await client.query('ROLLBACK');
    }
  }
  return cause;
}

interface Holder { readonly oid: number; readonly pid: number; readonly user: string; readonly state: string; readonly since: string }

/** Who holds, or waits for, a lock that keeps readers out of one of the tables, or of an index of it; in words. */
export async function locked(client: pg.Client, tables: readonly Lockable[], cause: unknown): Promise<DeltaError> {
  await client.query('ROLLBACK');
  const { rows } = await client.query<Holder>(HOLDER, [tables.map(({ oid }) => oid)]);
  const table = tables.find(({ oid }) => oid === rows[0]?.oid) ?? tables[0];
  const which = rows.length === 0 && tables.length > 1 ? `one of ${tables.length} tables` : `table ${table.schema}.${table.table}`;
  const who = rows.length === 0 ? 'another session' : `process ${rows[0].pid} of ${rows[0].user} (${rows[0].state}, in a transaction since ${rows[0].since})`;
  return new DeltaError('busy', `${placeOf(client)}: ${which} is locked by ${who}`, {
    hint: 'wait until that is done, or end it with pg_terminate_backend(), and start again',
    cause,
  });
}

/** The lock table of the server is full: how large it would have to be. */
export async function noRoom(client: pg.Client, tables: readonly Chosen[], connections: number, cause: unknown): Promise<DeltaError> {
  await client.query('ROLLBACK');
  const { rows: [{ relations, backends, current }] } = await client.query<{ relations: number; backends: number; current: number }>(RELATIONS, [tables.map(({ oid }) => oid)]);
  // The server has room for each lock twice, once for each of two holders; and others want some too.
  const needed = (relations * Math.max(1, connections / 2) * 1.25) / backends;
  const fitting = 2 ** Math.ceil(Math.log2(Math.max(needed + current, 2 * current)));
  return new DeltaError('config', `${placeOf(client)}: has no room for locks on ${relations.toLocaleString('en')} tables, partitions and indexes`, {
    hint: `ALTER SYSTEM SET max_locks_per_transaction = ${fitting}; and restart Postgres`,
    cause,
  });
}

const HOLDER = `
  SELECT CASE WHEN c.oid = ANY ($1::oid[]) THEN c.oid ELSE pg_partition_root(c.oid)::oid END::int8::float8 AS oid,
    a.pid, a.usename AS user, a.state, date_trunc('second', a.xact_start)::text AS since
  FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) LEFT JOIN pg_index AS i ON i.indexrelid = l.relation
    JOIN pg_class AS c ON c.oid = coalesce(i.indrelid, l.relation)
  WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (c.oid = ANY ($1::oid[]) OR c.relispartition AND pg_partition_root(c.oid)::oid = ANY ($1::oid[]))
  ORDER BY l.granted DESC, a.xact_start LIMIT 1`;

/** What reading the tables locks: they, their partitions, the indexes of all, and where large values are. */
const RELATIONS = `
  WITH read AS (
    SELECT oid, reltoastrelid FROM pg_class
    WHERE oid = ANY ($1::oid[]) OR relispartition AND pg_partition_root(oid)::oid = ANY ($1::oid[]))
  SELECT ((SELECT count(*) + 2 * count(*) FILTER (WHERE reltoastrelid <> 0) FROM read) + (SELECT count(*) FROM pg_index WHERE indrelid IN (SELECT oid FROM read)))::int4 AS relations,
    current_setting('max_connections')::int4 + current_setting('max_prepared_transactions')::int4 AS backends,
    current_setting('max_locks_per_transaction')::int4 AS current`;
