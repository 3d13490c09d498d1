/**
 * The first copy: tables of Postgres at one snapshot into a new cache, which stands at
 * the place in the log from which a mirror goes on.
 */
import { DeltaError } from '../errors.js';
import { Folder } from '../daystream/folder.js';
import type { Horizon } from '../daystream/horizons.js';
import { isFollowed, type Pattern } from '../daystream/pattern.js';
import type { Position } from '../daystream/position.js';
import type { Transport } from '../daystream/transport.js';
import { describeTables, type SourceTable } from '../postgres/catalog.js';
import { chooseTables, type Choice, type Chosen, type PassedOver } from '../postgres/choice.js';
import { connect, placeOf } from '../postgres/connection.js';
import { translate } from '../postgres/failure.js';
import { identifyCluster, takeSnapshot, type SharedSnapshot } from '../postgres/snapshot.js';
import { createBulk, finishBulk } from '../sqlite/bulk.js';
import { writePosition } from '../sqlite/position.js';
import { requireHoldable } from '../sqlite/schema.js';
import { writeTable } from '../sqlite/tables.js';
import { awaitHorizon, findJoin, type Join } from './join.js';
import { copyTables, type Copied } from './load.js';
import { planTable } from './plan.js';
import type { Progress } from './progress.js';
import { checkTarget, openTarget, type Target } from './target.js';

export interface ImportOptions {
  readonly patterns: readonly Pattern[];
  /** The log's folder. */
  readonly source: string;
  /** A URL; undefined: the PG* environment. */
  readonly postgres: string | undefined;
  /** Connections that copy side by side. */
  readonly jobs: number;
  readonly cache: string;
}

export interface ImportResult {
  readonly cache: string;
  readonly tables: readonly Copied[];
  readonly passedOver: readonly PassedOver[];
  /** Where a mirror goes on. */
  readonly position: Position;
  readonly snapshot: string;
  readonly seconds: number;
}

const APPLICATION = 'deltaimport';
/** How often tables may be dropped or created in between before we stop choosing anew. */
const ATTEMPT_LIMIT = 10;

/** Makes or replaces a cache. Throws DeltaError; whatever goes wrong, an existing cache is as it was. */
export async function importTables(options: ImportOptions, progress: Progress, signal: AbortSignal): Promise<ImportResult> {
  const started = performance.now();
  const path = checkTarget(options.cache);
  const transport = new Folder(options.source);
  try {
    const choice = await chooseAndCheck(options, transport, progress, signal);
    const target = openTarget(path);
    try {
      const copy = await copyAtSnapshot(options, choice, transport, target, progress, signal);
      await target.publish(signal);
      return { cache: path, ...copy, passedOver: choice.passedOver, seconds: (performance.now() - started) / 1000 };
    } finally {
      target.close();
    }
  } catch (error) {
    if (signal.aborted) throw stopped(path, error);
    throw error;
  } finally {
    await transport.close();
  }
}

/** What can be known before a snapshot is held: the tables are there and can be held, and the log is this Postgres's. */
async function chooseAndCheck(options: ImportOptions, transport: Transport, progress: Progress, signal: AbortSignal): Promise<Choice> {
  const client = await connect(options.postgres, { applicationName: APPLICATION });
  try {
    const choice = await chooseTables(client, options.patterns);
    requireHoldable((await describeTables(client, choice.chosen)).map((table) => planTable(table).table));
    const cluster = await identifyCluster(client);
    if (cluster.inRecovery) {
      throw new DeltaError('config', `${placeOf(client)}: a hot standby, whose snapshots do not tell which transactions were running`, { hint: 'give --pg the address of the primary' });
    }
    const { header } = await awaitHorizon(transport, (why) => progress.say(why), signal);
    if (header.system !== cluster.system) {
      throw new DeltaError('log-foreign', `${transport.place}: is the log of Postgres ${header.system}; ${placeOf(client)} is ${cluster.system}`, { hint: 'give the --source that belongs to --pg' });
    }
    if (header.database !== '' && header.database !== cluster.database) {
      throw new DeltaError('log-foreign', `${transport.place}: is the log of database ${header.database}; ${placeOf(client)} is another`, { hint: 'give the --source that belongs to --pg' });
    }
    return choice;
  } catch (error) {
    throw error instanceof DeltaError || signal.aborted ? error : translate(error, placeOf(client));
  } finally {
    await client.end();
  }
}

interface Copy { readonly tables: readonly Copied[]; readonly position: Position; readonly snapshot: string }

async function copyAtSnapshot(options: ImportOptions, choice: Choice, transport: Transport, target: Target, progress: Progress, signal: AbortSignal): Promise<Copy> {
  const { snapshot, tables, join } = await joinedSnapshot(options, choice, transport, progress, signal);
  const stop = () => { for (const client of snapshot.clients) void client.end(); };
  signal.addEventListener('abort', stop, { once: true });
  try {
    const plans = tables.map(planTable);
    const cache = createBulk(target.draft);
    const copied = await copyTables({ cache, path: target.draft, snapshot, plans, progress, signal });
    for (const { table } of plans) writeTable(cache, table);
    writePosition(cache, {
      position: join.horizon.position,
      crc: join.horizon.crc,
      lsn: join.horizon.lsn,
      commitTimeUs: Number(join.horizon.timestampUs),
      appliedAtUs: Date.now() * 1000,
      system: join.header.system,
      timeline: join.header.timeline,
      slot: join.header.slot,
      epoch: join.header.epoch,
      source: transport.place,
      snapshot: snapshot.text,
    });
    finishBulk(target.draft, cache);
    return { tables: copied, position: join.horizon.position, snapshot: snapshot.text };
  } finally {
    signal.removeEventListener('abort', stop);
    await snapshot.close();
  }
}

interface Joined { readonly snapshot: SharedSnapshot; readonly tables: readonly SourceTable[]; readonly join: Join }

/** A snapshot of the chosen tables that contains a horizon of the log. Where one does not fit, it is let go and another taken. */
async function joinedSnapshot(options: ImportOptions, choice: Choice, transport: Transport, progress: Progress, signal: AbortSignal): Promise<Joined> {
  let { chosen } = choice;
  for (let attempt = 1; attempt <= ATTEMPT_LIMIT; attempt++) {
    signal.throwIfAborted();
    const snapshot = await takeSnapshot(options.postgres, APPLICATION, chosen, Math.min(options.jobs, chosen.length));
    if (snapshot !== undefined) {
      const [client] = snapshot.clients;
      try {
        const seen = await chooseTables(client, options.patterns);
        const join = await findJoin(transport, snapshot.text);
        if (join !== undefined) requireFollowed(transport, join.horizon, seen.chosen);
        if (join !== undefined && seen.chosen.every(({ oid }) => chosen.some((locked) => locked.oid === oid))) {
          return { snapshot, tables: await describeTables(client, seen.chosen), join };
        }
      } catch (error) {
        await snapshot.close();
        throw translate(error, placeOf(client));
      }
      await snapshot.close();
    }
    ({ chosen } = await chooseAndCheck(options, transport, progress, signal));
  }
  throw new DeltaError('busy', `${transport.place}: no horizon fits a snapshot of Postgres, or its tables keep changing, after ${ATTEMPT_LIMIT} attempts`, { hint: 'see that deltastream runs and follows this database, then start again' });
}

/** Throws DeltaError config where the log does not carry a table that is to be copied. */
function requireFollowed(transport: Transport, { tables }: Horizon, chosen: readonly Chosen[]): void {
  const missing = chosen.filter(({ schema, table }) => !isFollowed(tables, schema, table)).map(({ schema, table }) => `${schema}.${table}`);
  if (missing.length === 0) return;
  throw new DeltaError('config', `${transport.place}: does not carry ${missing.join(', ')}: deltastream runs with --tables ${tables}`, { hint: 'start deltastream with these among its --tables, or leave them out here' });
}

function stopped(path: string, cause: unknown): DeltaError {
  return new DeltaError('io', `${path}: the import was stopped; nothing was changed`, { hint: 'start it again when you like', cause });
}

