/** Postgres to a synced log: deltastream against pg_recvlogical, both with our plugin; decoding alone, and into a file of which nobody knows what is whole. */
import type { Figure } from './figure.js';
import { compareTwins } from './twins.js';
import type { Workbench } from './workbench.js';

const NAME = 'stream';
const LIMIT_OF_DECODING = 1.05;

export async function stream(bench: Workbench): Promise<Figure[]> {
  return bench.withClient(await bench.database(NAME), (client) => compareTwins(bench, client, {
    benchmark: NAME, plugin: 'deltastream', against: [{ output: '/dev/null', limit: LIMIT_OF_DECODING }, { output: 'FILE' }], ours: [], theirs: () => ({}),
  }));
}
