/** Postgres to a synced log: deltastream against pg_recvlogical, both with our plugin. */
import type { Figure } from './figure.js';
import { compareTwins } from './twins.js';
import type { Workbench } from './workbench.js';

const NAME = 'stream';
const LIMIT = 1.25;

export async function stream(bench: Workbench): Promise<Figure[]> {
  return bench.withClient(await bench.database(NAME), (client) => compareTwins(bench, client, { benchmark: NAME, plugin: 'deltastream', limit: LIMIT, ours: [], theirs: () => ({}) }));
}
