/** Asks the catalog what relations are, for whoever writes the log from a source that does not say all of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { parseLsn, type Lsn } from '../daystream/lsn.js';
import { isVisible, parseSnapshot, type Snapshot } from '../daystream/snapshot.js';
import { connect, placeOf } from './connection.js';
import { translate } from './failure.js';
import { readTablePrints, type TablePrint } from './fingerprint.js';
import { statesOf, treeOf, type RelationState, type Surroundings } from './relation-state.js';
import { IS_MADE_PART } from './table-marks.js';
import { readSecret } from './triggers-secret.js';
import type { Partitions } from '../daystream/following.js';

const STATEMENT_TIMEOUT_MS = 60_000;
/** A commit is in the WAL, and then for everybody to see. */
const VISIBLE_WITHIN_MS = 64;

/** What the catalog said at one moment. */
export interface Sight {
  /** What it saw. */
  readonly snapshot: Snapshot;
  /** The commit record of whatever it saw is before it. */
  readonly lsn: Lsn;
}

export type Seen = RelationState & Surroundings;

export interface Look extends Sight {
  /** By oid; what is not there is not in it. */
  readonly states: ReadonlyMap<number, Seen>;
}

export interface Leaf {
  readonly oid: number;
  /** Null: it is no partition. */
  readonly root: number | null;
  /** The raw xid that made it. */
  readonly made: number;
  /** Made as a partition, and in its first file. */
  readonly isPristine: boolean;
}

export class ShapeSource {
  private constructor(private readonly client: pg.Client) {}

  /** Throws DeltaError where no connection is had. */
  static async open(target: string | undefined): Promise<ShapeSource> {
    const client = await connect(target, { applicationName: 'deltastream' });
    try {
      await client.query(`select set_config('statement_timeout', '${STATEMENT_TIMEOUT_MS}', false)`);
      return new ShapeSource(client);
    } catch (cause) {
      client.end().catch(() => {}); // it may be gone already
      throw translate(cause, placeOf(client));
    }
  }

  /** True where stored generated columns may be published. */
  get sendsGenerated(): Promise<boolean> {
    return this.#ask<{ sends: boolean }>("select current_setting('server_version_num')::int >= 180000 as sends", []).then(([{ sends }]) => sends);
  }

  /** By which the event triggers prove what they say; undefined where there is none for us. */
  async secret(): Promise<Buffer | undefined> {
    try {
      const secret = await readSecret(this.client);
      return secret === 'denied' ? undefined : secret;
    } catch (cause) {
      throw translate(cause, placeOf(this.client));
    }
  }

  /** The tables among these oids; an index stands for its table, and where partitions go by their root's name, a partition for its root. */
  async tablesOf(oids: readonly number[], partitions: Partitions): Promise<Map<number, number>> {
    const rows = await this.#ask<{ oid: number; table: number }>(TABLES, [oids, partitions === 'root']);
    return new Map(rows.map(({ oid, table }) => [oid, table]));
  }

  async look(oids: readonly number[]): Promise<Look> {
    const rows = await this.#ask<{ snapshot: string; lsn: string; state: Seen | null }>(LOOK, [oids]);
    const states = new Map(rows.flatMap(({ state }) => (state === null ? [] : [[state.oid, state] as const])));
    return { snapshot: parseSnapshot(rows[0].snapshot), lsn: parseLsn(rows[0].lsn), states };
  }

  /** The same behind the transaction's commit; where that waits for a standby, not always: the snapshot tells. */
  async lookBehind(oids: readonly number[], xid: bigint): Promise<Look> {
    let look = await this.look(oids);
    for (let waitMs = 1; waitMs <= VISIBLE_WITHIN_MS && !isVisible(look.snapshot, xid); waitMs *= 2) {
      await sleep(waitMs);
      look = await this.look(oids);
    }
    return look;
  }

  /** Those that are no relations any more: whatever took them away has a commit record before the LSN. */
  async missing(oids: readonly number[]): Promise<{ oids: number[]; lsn: Lsn }> {
    const rows = await this.#ask<{ oid: number | null; lsn: string }>(MISSING, [oids]);
    return { oids: rows.flatMap(({ oid }) => (oid === null ? [] : [oid])), lsn: parseLsn(rows[0].lsn) };
  }

  /** Partitions, all or those that are named, and what was one of these. */
  async leaves(oids?: readonly number[]): Promise<Leaf[]> {
    return this.#ask<Leaf>(LEAVES, [oids ?? null]);
  }

  async prints(partitions: Partitions): Promise<TablePrint[]> {
    try {
      return await readTablePrints(this.client, partitions);
    } catch (cause) {
      throw translate(cause, placeOf(this.client));
    }
  }

  close(): void {
    this.client.end().catch(() => {}); // it may be gone already
  }

  async #ask<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.client.query<Row>(text, values)).rows;
    } catch (cause) {
      throw translate(cause, placeOf(this.client));
    }
  }
}

const TABLES = `
  select given.oid::int8::float8 as oid,
         (case when $2 and c.relispartition then pg_partition_root(c.oid)::oid else c.oid end)::int8::float8 as table
    from unnest($1::oid[]) as given (oid)
    left join pg_index as i on i.indexrelid = given.oid
    join pg_class as c on c.oid = coalesce(i.indrelid, given.oid)
   where c.relkind in ('r', 'p') and c.relpersistence <> 't' and c.oid >= 16384`;

const LEAVES = `
  select c.oid::int8::float8 as oid, case when c.relispartition then pg_partition_root(c.oid)::oid::int8::float8 end as root,
         (select xmin::text::int8::float8 from pg_attribute where attrelid = c.oid and attnum = -6) as made,
         c.relfilenode = c.oid and ${IS_MADE_PART} as "isPristine"
    from pg_class as c where c.relkind = 'r' and case when $1::oid[] is null then c.relispartition else c.oid = any ($1::oid[]) end`;

const MISSING = `
  select gone.oid::int8::float8 as oid, pg_current_wal_insert_lsn()::text as lsn
    from (select) as one left join (select known.oid from unnest($1::oid[]) as known (oid) where not exists (select from pg_class as c where c.oid = known.oid)) as gone on true`;

/** Whose rows describe a relation: all that a line says comes from one of them. */
const WRITERS = `
  (select coalesce(jsonb_agg(distinct writer::text::int8) filter (where age(writer) >= 0), '[]') from (
     select xmin as writer from pg_class where pg_class.oid = s.oid
     union all select n.xmin from pg_namespace as n join pg_class on relnamespace = n.oid where pg_class.oid = s.oid
     union all select a.xmin from pg_attribute as a where attrelid = s.oid and attnum > 0
     union all select t.xmin from pg_attribute join pg_type as t on t.oid = atttypid where attrelid = s.oid and attnum > 0
     union all select i.xmin from pg_index as i where indrelid = s.oid
     union all select x.xmin from pg_index join pg_class as x on x.oid = indexrelid where indrelid = s.oid
     union all select d.xmin from pg_description as d where classoid = 'pg_class'::regclass and objoid = s.oid
     union all select h.xmin from pg_inherits as h where inhrelid = s.oid) as writers)`;

/** One row where there is none of them. The LSN is read behind the snapshot. */
const LOOK = `
  with ${treeOf('$1::oid[]')}
  select pg_current_snapshot()::text as snapshot, pg_current_wal_insert_lsn()::text as lsn, found.state
    from (select) as one
    left join (select s.state || jsonb_build_object('writers', ${WRITERS}) as state from (${statesOf('$1::oid[]')}) as s) as found on true`;
