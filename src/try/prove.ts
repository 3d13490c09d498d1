/**
 * Equality on a database that goes on: the tables are copied a second time beside, then the log ends
 * for both caches at one place behind that copy, both come there, and are compared.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lsn } from '../daystream/lsn.js';
import { written } from '../daystream/pattern.js';
import { DeltaError } from '../errors.js';
import { openReader } from '../sqlite/open.js';
import { readPosition } from '../sqlite/position.js';
import { compareCaches, type Compared } from './equal.js';
import type { Program } from './program.js';
import { walEnd } from './server.js';
import { readTables, type CacheTable } from '../sqlite/tables.js';
import { copy, type Setting } from './setting.js';

const POLL_MS = 50;
/** Of a table that was dropped or renamed the log tells within a few seconds. */
const NAMES_PATIENCE_MS = 10_000;

export interface Proof {
  readonly tables: readonly Compared[];
  readonly notCompared: string | undefined;
  readonly comparedAt: Lsn | undefined;
}

/** Ends deltastream and the mirror. */
export async function prove(setting: Setting, mirror: Program): Promise<Proof> {
  const { tell, client, cache, second, stream, start, env } = setting;
  tell('comparing: the same tables are copied once more, beside');
  await copyFollowed(setting);
  await Promise.race([reach(cache, await walEnd(client), setting), mirror.failed()]);
  // Not before the log has all that the second copy has: deltastream ends with whole transactions.
  await stream.stop();
  await mirror.stop();
  for (const path of [cache, second]) await start('deltamirror', ['--once', path], { env, tell: () => {} }).done();
  const [at, other] = [cache, second].map(place);
  if (at.position !== other.position) throw new DeltaError('cache', `the caches stand at ${at.position} and ${other.position}`);
  return { tables: compareCaches(cache, second), notCompared: undefined, comparedAt: at.lsn };
}

/** Once more where it fails for a table that was dropped or renamed, as soon as the cache knows of it. */
async function copyFollowed(setting: Setting): Promise<void> {
  const { cache, second } = setting;
  for (;;) {
    await knowNames(setting);
    const tables = followedBy(cache);
    try {
      await copy(setting, second, tables);
      return;
    } catch (error) {
      await knowNames(setting);
      if (followedBy(cache) === tables) throw error;
    }
  }
}

/** Until the tables of the cache have the names that they have in Postgres, or it is in vain. */
async function knowNames({ cache, client, signals }: Setting): Promise<void> {
  for (const end = performance.now() + NAMES_PATIENCE_MS; performance.now() < end && !signals.quit.aborted;) {
    const held = tablesOf(cache).map(({ oid, schema, name }) => `${oid} ${schema}.${name}`);
    const { rows } = await client.query<{ table: string }>("SELECT c.oid || ' ' || n.nspname || '.' || c.relname AS table FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace");
    const now = new Set(rows.map(({ table }) => table));
    if (held.every((table) => now.has(table))) return;
    await sleep(POLL_MS);
  }
}

/** Until the cache has everything up to there. On an idle server the log's next mark says so, within ten seconds. */
async function reach(cache: string, lsn: Lsn, { signals }: Setting): Promise<void> {
  while (place(cache).lsn < lsn && !signals.quit.aborted) await sleep(POLL_MS);
}

/** The tables that it still has, as patterns: one may have been dropped, or have gone into quarantine. */
function followedBy(path: string): string {
  const tables = tablesOf(path).filter(({ quarantine }) => quarantine === undefined);
  if (tables.length === 0) throw new DeltaError('quarantine', 'none of the tables is followed any more');
  return tables.map(({ schema, name }) => written(schema, name)).join(',');
}

function tablesOf(path: string): CacheTable[] {
  const cache = openReader(path);
  try {
    return readTables(cache);
  } finally {
    cache.close();
  }
}

function place(path: string): { readonly position: string; readonly lsn: Lsn } {
  const cache = openReader(path);
  try {
    const at = readPosition(cache)!;
    return { position: JSON.stringify(at.position), lsn: at.lsn };
  } finally {
    cache.close();
  }
}
