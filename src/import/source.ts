/** The Postgres side of a copy: its tables are there and can be held, the log is its own, and a snapshot of it joins the log. */
import type pg from 'pg';
import { DeltaError } from '../errors.js';
import type { Following } from '../daystream/following.js';
import { formatLsn } from '../daystream/lsn.js';
import type { Horizon } from '../daystream/horizons.js';
import { isFollowed, type Pattern } from '../daystream/pattern.js';
import { reconcileHint } from '../daystream/reconcile-hint.js';
import { findLogEnd, type LogEnd } from '../daystream/recovery.js';
import type { SegmentHeader } from '../daystream/segment.js';
import type { Transport } from '../daystream/transport.js';
import { describeTables, type SourceTable } from '../postgres/catalog.js';
import { chooseTables, type Choice, type Chosen } from '../postgres/choice.js';
import { connect, placeOf } from '../postgres/connection.js';
import { translate } from '../postgres/failure.js';
import { sendsGenerated } from '../postgres/publication.js';
import { identifyCluster, takeSnapshot, type SharedSnapshot } from '../postgres/snapshot.js';
import { awaitHorizon, findJoin, newestPartitions, type Earliest, type Join } from './join.js';
import { joinReplayed } from './join-replayed.js';
import { onlyPublished } from './published.js';

export interface SourceOptions {
  readonly patterns: readonly Pattern[];
  /** A URL; undefined: the PG* environment. */
  readonly postgres: string | undefined;
  /** Connections that copy side by side. */
  readonly jobs: number;
  /** The copy joins the log no earlier: where a cache stands that gets it. */
  readonly earliest: Earliest | undefined;
  /** Throws where the log is not the one to join. */
  readonly checkLog: (header: SegmentHeader) => void;
  /** Throws where these tables are not to be copied without others. */
  readonly checkChosen: (client: pg.Client, chosen: readonly Chosen[], following: Following) => Promise<void>;
  /** Throws where the tables cannot be held. */
  readonly check: (tables: readonly SourceTable[]) => void;
}

const APPLICATION = 'deltaimport';
/** How often tables may be dropped or created in between before we stop choosing anew. */
const ATTEMPT_LIMIT = 10;

export interface Joined {
  readonly snapshot: SharedSnapshot;
  readonly tables: readonly SourceTable[];
  readonly passedOver: Choice['passedOver'];
  readonly join: Join;
}

/** What can be known before a snapshot is held. */
export async function chooseAndCheck(options: SourceOptions, transport: Transport, say: (why: string) => void, signal: AbortSignal): Promise<Choice> {
  const client = await connect(options.postgres, { applicationName: APPLICATION });
  try {
    const cluster = await identifyCluster(client);
    if (cluster.inRecovery && options.earliest !== undefined) {
      throw new DeltaError('config', `${placeOf(client)}: a hot standby, of which a cache can be made, but no table for one that is there`, { hint: 'give --pg the address of the primary' });
    }
    // Names that are wrong are told at once; a log that has yet to begin is waited for.
    await chooseTables(client, options.patterns, await newestPartitions(transport));
    const { header, horizon } = await awaitHorizon(transport, options.earliest, cluster.inRecovery, say, signal);
    if (header.system !== cluster.system) {
      throw new DeltaError('log-foreign', `${transport.place}: is the log of Postgres ${header.system}; ${placeOf(client)} is ${cluster.system}`, { hint: 'give the --source that belongs to --pg' });
    }
    if (header.database !== '' && header.database !== cluster.database) {
      throw new DeltaError('log-foreign', `${transport.place}: is the log of database ${header.database}; ${placeOf(client)} is another`, { hint: 'give the --source that belongs to --pg' });
    }
    options.checkLog(header);
    const choice = await onlyPublished(client, await chooseTables(client, options.patterns, horizon.partitions), options.patterns, header, horizon.partitions);
    await options.checkChosen(client, choice.chosen, horizon);
    options.check(await describeTables(client, choice.chosen, { generated: sendsGenerated(header.publication, cluster.version) }));
    return choice;
  } catch (error) {
    throw error instanceof DeltaError || signal.aborted ? error : translate(error, placeOf(client));
  } finally {
    await client.end();
  }
}

/** A snapshot of the chosen tables that contains a horizon of the log. Where one does not fit, it is let go and another taken. */
export async function joinedSnapshot(options: SourceOptions, choice: Choice, transport: Transport, say: (why: string) => void, signal: AbortSignal): Promise<Joined> {
  let { chosen } = choice;
  for (let attempt = 1; attempt <= ATTEMPT_LIMIT; attempt++) {
    signal.throwIfAborted();
    const end = await findLogEnd(transport);
    const snapshot = await takeSnapshot(options.postgres, APPLICATION, chosen, Math.min(options.jobs, chosen.length));
    if (snapshot !== undefined) {
      const [client] = snapshot.clients;
      try {
        if (end !== undefined) requireSameHistory(transport, end, snapshot);
        const join = await (snapshot.replayed === undefined ? findJoin(transport, options.earliest, snapshot.text) : joinReplayed(transport, snapshot.replayed, signal));
        const all = await chooseTables(client, options.patterns, join?.horizon.partitions);
        const seen = join === undefined ? all : await onlyPublished(client, all, options.patterns, join.header, join.horizon.partitions);
        if (join !== undefined) {
          requireFollowed(transport, join.horizon, seen.chosen);
          await options.checkChosen(client, seen.chosen, join.horizon);
        }
        const locked = new Set(chosen.map(({ oid }) => oid));
        if (join !== undefined && seen.chosen.every(({ oid }) => locked.has(oid))) {
          return { snapshot, tables: await describeTables(client, seen.chosen, { generated: sendsGenerated(join.header.publication, snapshot.version) }), passedOver: seen.passedOver, join };
        }
      } catch (error) {
        await snapshot.close();
        throw translate(error, placeOf(client));
      }
      await snapshot.close();
    }
    ({ chosen } = await chooseAndCheck(options, transport, say, signal));
  }
  throw new DeltaError('busy', `${transport.place}: no horizon fits a snapshot of Postgres, or its tables keep changing, after ${ATTEMPT_LIMIT} attempts`, { hint: 'see that deltastream runs and follows this database, then start again' });
}

/**
 * Throws DeltaError log-foreign where the server is not one that has all that the log had before the
 * snapshot was taken: xids of another history would pass for the log's. A standby may be behind.
 */
function requireSameHistory({ place }: Transport, { header: { slot }, lsn, timeline }: LogEnd, snapshot: SharedSnapshot): void {
  if (snapshot.timeline === undefined) return;
  if (snapshot.lsn < lsn) {
    throw new DeltaError('log-foreign', `${snapshot.place}: its WAL ends at ${formatLsn(snapshot.lsn)}, before the log in ${place} (${formatLsn(lsn)}): the server was restored, or lost commits in a failover`, { hint: reconcileHint(slot, place) });
  }
  if (snapshot.timeline === timeline) return;
  const isLater = snapshot.timeline > timeline;
  throw new DeltaError('log-foreign', `${snapshot.place}: is on timeline ${snapshot.timeline}, the log in ${place} on ${timeline}: ${isLater ? 'the server was promoted, and the log has yet to follow it there' : 'another server was promoted'}`, {
    hint: isLater ? 'start deltastream, which goes on there or says what to do; then import again' : 'give the address of the server that deltastream follows with --pg',
  });
}

/** Throws DeltaError config where the log does not carry a table that is to be copied. */
function requireFollowed(transport: Transport, { tables }: Horizon, chosen: readonly Chosen[]): void {
  const missing = chosen.filter(({ schema, table }) => !isFollowed(tables, schema, table)).map(({ schema, table }) => `${schema}.${table}`);
  if (missing.length === 0) return;
  throw new DeltaError('config', `${transport.place}: does not carry ${missing.join(', ')}: deltastream runs with --tables ${tables}`, { hint: 'start deltastream with these among its --tables, or leave them out here' });
}
