/**
 * One table at one snapshot, for a copy of it that goes through the log. The snapshot is
 * taken when it is asked for, in one round trip: whatever else has to be known is asked
 * before it, without a lock, and compared behind it.
 */
import type pg from 'pg';
import type { Partitions } from '../daystream/following.js';
import { parseLsn, type Lsn } from '../daystream/lsn.js';
import { DeltaError } from '../errors.js';
import { describeTables, type Described } from './catalog.js';
import { tableByOid, type Chosen } from './choice.js';
import { connect, placeOf } from './connection.js';
import { CONTROL_PREFIX } from './control.js';
import { copyOut, type CopySink } from './copy.js';
import { codeOf } from './failure.js';
import { readPublished, sendsGenerated, unpublished, type Unpublished } from './publication.js';
import { fromClause, locked, lockTables, LOCK_TIMED_OUT } from './locks.js';

/** A lock request that waits makes others wait behind it, so it never waits long. */
const LOCK_TIMEOUT_MS = 200;
/** While the snapshot is asked for, nothing is taken in from the stream. */
const SNAPSHOT_TIMEOUT_MS = 2_000;

export type CopyTable = Omit<Chosen, 'pattern'> & Described;

export interface Examined {
  readonly table: CopyTable;
  /** Why not all rows can be followed; undefined where they can. */
  readonly reason: string | undefined;
  /** What it takes in Postgres, large values too, with all its partitions. */
  readonly bytes: number;
  readonly mayRead: boolean;
  /** Policies would hide rows from this role. */
  readonly hidesRows: boolean;
  /** Why its changes are not all in the log, so that no copy makes it right; undefined where they are. */
  readonly unpublished: Unpublished | undefined;
}

export interface TakenSnapshot {
  /** As `pg_current_snapshot()` prints it. */
  readonly text: string;
  /** Every transaction visible in the snapshot has a commit record before it. */
  readonly lsn: Lsn;
}

export class CopySource {
  private constructor(
    readonly client: pg.Client,
    /** The server's process, for whoever asks whom it keeps waiting. */
    readonly pid: number,
    /** That of the slot; undefined where the plugin needs none. */
    readonly publication: string | undefined,
    /** The log has generated columns. */
    readonly generated: boolean,
  ) {}

  /** Throws DeltaError `config` on a standby, whose snapshots do not tell which transactions run. */
  static async open(target: string | undefined, applicationName: string, publication?: string): Promise<CopySource> {
    const client = await connect(target, { applicationName });
    try {
      const { rows: [{ standby, pid, version }] } = await client.query<{ standby: boolean; pid: number; version: number }>(SETTINGS);
      if (standby) throw new DeltaError('config', `${placeOf(client)}: a hot standby, of which no table can be copied into the log`, { hint: 'follow the primary' });
      return new CopySource(client, pid, publication, sendsGenerated(publication, version));
    } catch (error) {
      client.end().catch(() => {}); // it may be gone already
      throw error;
    }
  }

  get role(): string { return this.client.user ?? ''; }

  /** What there is to know of a table; undefined where none with this oid has rows in the log. Throws DeltaError `busy`, with the holder, where it is locked. */
  async examine(oid: number, partitions: Partitions): Promise<Examined | undefined> {
    await this.client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const found = await tableByOid(this.client, oid, partitions);
    const [rights] = (await this.client.query<Rights>(RIGHTS, [oid])).rows;
    // Without rights where it was dropped since the transaction began.
    if (found === undefined || rights.mayRead === null) return this.#gone();
    const { reason, ...place } = found;
    const [table] = await describeTables(this.client, [place], this);
    const { publication } = this;
    const [published] = publication === undefined ? [] : await readPublished(this.client, publication, partitions, oid);
    const bytes = await this.#bytes(table);
    await this.release();
    return { table, reason, bytes, mayRead: rights.mayRead, hidesRows: rights.hidesRows, unpublished: published && unpublished(published, publication!) };
  }

  /** The same table as the snapshot sees it; undefined where it does not, or sees other relations than it did. */
  async describe({ oid, schema, table, kind }: CopyTable, partitions: Partitions): Promise<CopyTable | undefined> {
    const found = await tableByOid(this.client, oid, partitions);
    if (found === undefined || found.reason !== undefined || found.schema !== schema || found.table !== table || found.kind !== kind) return undefined;
    return (await describeTables(this.client, [{ oid, schema, table, kind }], this))[0];
  }

  /** Begins the transaction and locks the table against changes of its shape. Throws DeltaError `busy`, with the holder, where the lock is not had at once. */
  async hold(table: CopyTable): Promise<void> {
    await this.client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await lockTables(this.client, [table], false);
  }

  /**
   * Takes the transaction's snapshot, at this moment. Undefined where it sees the table under
   * another name or as something else: the lock, which is taken by name, is another table's.
   */
  async snapshot({ oid, schema, table, kind }: CopyTable): Promise<TakenSnapshot | undefined> {
    const query = { text: SNAPSHOT, values: [oid, schema, table, kind === 'partitioned' ? 'p' : 'r', kind === 'leaf'], query_timeout: SNAPSHOT_TIMEOUT_MS };
    const { rows: [taken] } = await this.client.query<{ text: string; lsn: string }>(query);
    return taken === undefined ? undefined : { text: taken.text, lsn: parseLsn(taken.lsn) };
  }

  /** True where the table's name means it still: ALTER SCHEMA RENAME waits for no lock. */
  async isStillNamed({ oid, schema, table }: CopyTable): Promise<boolean> {
    const name = `${this.client.escapeIdentifier(schema)}.${this.client.escapeIdentifier(table)}`;
    return (await this.client.query<{ same: boolean }>('SELECT to_regclass($1) = $2::oid AS same', [name, oid])).rows[0].same === true;
  }

  /**
   * The rows as the snapshot sees them, in COPY's text format, every column of the relation in its
   * order. As bytes: a cursor of pg makes strings, and a value of more than 512 MB would end the process.
   * Throws DeltaError `busy` where an index is locked, as by REINDEX: the lock of the table does not say so.
   */
  async rows(table: CopyTable, sink: CopySink): Promise<number> {
    const names = table.relation.columns.map(({ name }) => this.client.escapeIdentifier(name)).join(', ');
    try {
      return await copyOut(this.client, `COPY (SELECT ${names} FROM ${fromClause(this.client, table)}) TO STDOUT`, sink);
    } catch (error) {
      throw await this.#orLocked(table, error);
    }
  }

  /** Ends the transaction, if there is one. */
  async release(): Promise<void> {
    await this.client.query('ROLLBACK');
  }

  /** Makes the server's WAL durable up to here: what is not, the stream does not bring. The message says nothing to the plugin. */
  async flushWal(): Promise<void> {
    await this.client.query('SELECT pg_logical_emit_message(true, $1, \'\')', [CONTROL_PREFIX]);
  }

  close(): void {
    this.client.end().catch(() => {}); // it may be gone already
  }

  async #gone(): Promise<undefined> {
    await this.release();
  }

  /** From the files: after a rewrite the catalog's estimates are those of before. */
  async #bytes(table: CopyTable): Promise<number> {
    try {
      return (await this.client.query<{ bytes: number }>(BYTES, [table.oid])).rows[0].bytes;
    } catch (error) {
      throw await this.#orLocked(table, error);
    }
  }

  /** In words, where a lock was not had in time. */
  async #orLocked(table: CopyTable, error: unknown): Promise<unknown> {
    return codeOf(error) === LOCK_TIMED_OUT ? locked(this.client, [table], error) : error;
  }
}

interface Rights {
  readonly mayRead: boolean | null;
  readonly hidesRows: boolean;
}

/**
 * Rows hidden by a policy would be lost without a word; `row_security` makes Postgres refuse instead.
 * A flush of the WAL waits for no standby. Not every server has every setting.
 */
const SETTINGS = `
  SELECT pg_is_in_recovery() AS standby, pg_backend_pid() AS pid, current_setting('server_version_num')::int AS version,
    (SELECT count(set_config(name, CASE name WHEN 'lock_timeout' THEN '${LOCK_TIMEOUT_MS}' WHEN 'row_security' THEN 'off' WHEN 'synchronous_commit' THEN 'local' ELSE '0' END, false)) FROM pg_settings
      WHERE name IN ('lock_timeout', 'row_security', 'synchronous_commit', 'statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout')) AS settings`;

const RIGHTS = `
  SELECT has_schema_privilege(relnamespace, 'USAGE') AND has_table_privilege(oid, 'SELECT') AS "mayRead", row_security_active(oid) AS "hidesRows"
  FROM pg_class WHERE oid = $1::oid`;

const BYTES = `
  SELECT coalesce(sum(pg_table_size(oid)), 0)::float8 AS bytes
  FROM (SELECT $1::oid AS oid UNION SELECT relid FROM pg_partition_tree($1::oid)) AS leaf`;

const SNAPSHOT = `
  SELECT pg_current_snapshot()::text AS text, pg_current_wal_insert_lsn()::text AS lsn
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.oid = $1::oid AND n.nspname = $2 AND c.relname = $3 AND c.relkind = $4::"char" AND c.relispartition = $5
    AND (c.relpersistence = 'p' OR c.relkind = 'p')`;
