/** Waiting until nothing is on its way any more: no change, no look at the catalog, no copy. */
import { isFollowed } from '../../src/daystream/pattern.js';
import { readCatalogState } from '../../src/deltastream/catalog-state.js';
import { readDigest } from '../../src/postgres/fingerprint.js';
import { openReader } from '../../src/sqlite/open.js';
import { CopiesDue } from './copies-due.js';
import { until, type Path } from './path.js';

export interface Unsettled {
  readonly schema: string;
  readonly name: string;
  readonly state: string;
  readonly reason: string | null;
}

/** The tables of a cache that are not followed; of some schemas, where they are named. */
export function unsettled(cache: string, schemas?: readonly string[]): Unsettled[] {
  const reader = openReader(cache);
  try {
    return reader.prepare<[], Unsettled>("SELECT schema, name, state, reason FROM _daystream_tables WHERE state <> 'following' ORDER BY schema, name").all().filter(({ schema }) => schemas?.includes(schema) ?? true);
  } finally {
    reader.close();
  }
}

let probes = 0;

/** Waits until deltastream has compared the catalog as it is now, and copied once more what may have been written by an older type. */
async function watched(path: Path): Promise<void> {
  const client = await path.client();
  try {
    await until('deltastream to have looked at the catalog', async () => {
      const state = await readCatalogState(path.log);
      return state?.again.length === 0 && state.digest === (await readDigest(client)).digest;
    });
  } finally {
    await client.end();
  }
}

/** Waits until the log has all copies that are due of tables that there still are, and that are followed. */
async function copied(path: Path): Promise<void> {
  const log = new CopiesDue(path.log);
  try {
    await until('all copies that are due to be in the log', async () => {
      const oids = await log.read();
      const tables = oids.length === 0 ? [] : await path.server.query<{ schema: string; name: string }>(`
        SELECT nspname AS schema, relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE c.oid IN (${oids.join()}) AND relkind ${log.following.partitions === 'leaf' ? "= 'r'" : "IN ('r', 'p') AND NOT relispartition"}`);
      return !tables.some(({ schema, name }) => isFollowed(log.following.tables, schema, name));
    });
  } finally {
    await log.close();
  }
}

/**
 * Waits until the caches hold all that is committed, Postgres's catalog has been looked at since, and every
 * table (of the schemas, where they are named) is followed. A comment is the probe: where no trigger tells
 * of it, only a look at the catalog does; where one does, the look follows it.
 */
export async function settled(path: Path, caches: readonly string[], schemas?: readonly string[]): Promise<void> {
  const probe = `probe ${++probes}`;
  await path.server.query(`COMMENT ON TABLE marker IS '${probe}'`);
  await watched(path);
  for (const cache of caches) await path.until(`${cache} to hold the comment of marker`, () => commentOfMarker(cache) === probe);
  await path.caughtUp(...caches); // what the look told is in the log by then, so also which copies are due
  await copied(path);
  await path.caughtUp(...caches);
  for (const cache of caches) await followed(path, cache, schemas);
}

/** Waits until each table of the cache is followed; tells which is not, and why. */
async function followed(path: Path, cache: string, schemas: readonly string[] | undefined): Promise<void> {
  try {
    await path.until(`all tables of ${cache} to be followed`, () => unsettled(cache, schemas).length === 0);
  } catch (error) {
    const left = unsettled(cache, schemas).map(({ schema, name, state, reason }) => `${schema}.${name} is ${state}: ${reason}`);
    throw new Error(`${cache}: ${left.join('; ')}`, { cause: error });
  }
}

function commentOfMarker(cache: string): string | undefined {
  const reader = openReader(cache);
  try {
    const text = reader.prepare<[], string>("SELECT comments FROM _daystream_tables WHERE schema = 'public' AND name = 'marker'").pluck().get();
    return text === undefined ? undefined : (JSON.parse(text) as Record<string, string>)[0];
  } finally {
    reader.close();
  }
}
