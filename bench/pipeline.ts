/** The whole path, or as much of it as a measurement needs: deltastream, then an import. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseLsn } from '../src/index.js';
import { openReader } from '../src/sqlite/open.js';
import { readPosition } from '../src/sqlite/position.js';
import { TABLE } from './flights.js';
import type { Program } from './program.js';
import type { Workbench } from './workbench.js';

const POLL_MS = 5;

/** A database that deltastream follows, from here on. */
export interface Followed {
  readonly database: string;
  readonly log: string;
  readonly deltastream: Program;
}

/** Makes a database with the table, and starts deltastream on a slot of the same name. */
export async function follow(bench: Workbench, database: string): Promise<Followed> {
  await bench.database(database);
  const log = bench.directory('log');
  const deltastream = bench.own('deltastream', ['--slot', database, '--create-slot', '--out', log, '--pg', bench.server.url(database)]);
  await deltastream.said(/following slot/);
  return { database, log, deltastream };
}

/** Imports the table into a new cache. */
export async function importCache(bench: Workbench, { database, log }: Followed): Promise<{ readonly cache: string; readonly seconds: number; readonly peakBytes: number }> {
  const cache = bench.path('cache.db');
  const program = bench.own('import', ['--tables', TABLE, '--source', log, '--pg', bench.server.url(database), cache]);
  return { cache, ...(await program.ended) };
}

/** Stops deltastream and drops its slot: the log stays. */
export async function unfollow(bench: Workbench, { database, deltastream }: Followed): Promise<void> {
  await deltastream.stop();
  await bench.server.query(`select pg_drop_replication_slot('${database}')`);
}

/** Waits until the cache holds everything that was committed before `lsn`. */
export async function cacheHolds(cache: string, lsn: string, mirror: Program): Promise<void> {
  const reader = openReader(cache);
  try {
    const failed = mirror.ended.then(() => { throw new Error(`deltamirror ended before it had reached ${lsn}`); });
    failed.catch(() => {}); // it ends some time, also after this
    while ((readPosition(reader)?.lsn ?? 0n) <= parseLsn(lsn)) await Promise.race([sleep(POLL_MS), failed]);
  } finally {
    reader.close();
  }
}
