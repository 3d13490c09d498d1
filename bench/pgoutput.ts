/** Postgres to a synced log without our plugin: deltastream against pg_recvlogical, which writes pgoutput's bytes as they come. */
import { pgoutputOptions } from '../src/deltastream/pgoutput/session.js';
import { preparePublication } from '../src/postgres/publication-change.js';
import type { Figure } from './figure.js';
import { TABLE } from './flights.js';
import { compareTwins, slotOf } from './twins.js';
import type { Workbench } from './workbench.js';

const NAME = 'pgoutput';
const LIMIT = 1.5;

export async function pgoutput(bench: Workbench): Promise<Figure[]> {
  return bench.withClient(await bench.database(NAME), async (client) => {
    // What a slot decodes sees the publications that were there then.
    for (let run = 0; run < bench.sizes.runs; run++) await preparePublication(client, { name: slotOf(NAME, run), tables: TABLE, partitions: 'root' }, false);
    const { rows: [{ version }] } = await client.query<{ version: string }>("select current_setting('server_version_num') as version");
    const options = (run: number) => pgoutputOptions(Math.floor(Number(version) / 10_000), slotOf(NAME, run));
    return compareTwins(bench, client, { benchmark: NAME, plugin: 'pgoutput', against: [{ output: 'FILE', limit: LIMIT }], ours: ['--tables', TABLE], theirs: options });
  });
}
