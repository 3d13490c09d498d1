/** Our plugin against the two that come with Postgres, and wal2json where it is installed, on the same WAL; what they print goes nowhere. */
import type pg from 'pg';
import type { Figure } from './figure.js';
import { interleave, ratios } from './interleave.js';
import { prepareLoad, type Load } from './load.js';
import { allowPlugin, dropSlot, twin } from './slots.js';
import type { Workbench } from './workbench.js';

const LIMIT_OF_PGOUTPUT = 0.75;
const OPTIONAL = 'wal2json';
/** Options of each. */
const PLUGINS: Readonly<Record<string, readonly string[]>> = {
  deltastream: [],
  test_decoding: [],
  pgoutput: ['-o', 'proto_version=1', '-o', 'publication_names=bench'],
  wal2json: ['-o', 'format-version=2'],
};

export async function decode(bench: Workbench): Promise<Figure[]> {
  const database = await bench.database('decode');
  return bench.withClient(database, async (client) => {
    const load = await prepareLoad(client, 'decode', bench.sizes);
    const isThere = await allowPlugin(client, OPTIONAL);
    if (!isThere) bench.tell(`${OPTIONAL} is not installed: it is left out`);
    const plugins = Object.keys(PLUGINS).filter((name) => name !== OPTIONAL || isThere);
    const sides = plugins.map((name) => ({ name, measure: (run: number) => decodeOnce(bench, client, load, name, run) }));
    const seconds = await interleave(sides, bench.sizes.runs, bench.tell);
    await dropSlot(client, load.slot);
    return [
      ...[...seconds].map(([plugin, values]): Figure => ({ benchmark: 'decode', what: plugin, unit: 's', values })),
      ...plugins.slice(1).map((plugin): Figure => ({
        benchmark: 'decode', what: `deltastream / ${plugin}`, unit: '×', values: ratios(seconds, 'deltastream', plugin),
        ...(plugin === 'pgoutput' && { requirement: { kind: 'at most', limit: LIMIT_OF_PGOUTPUT } }),
      })),
    ];
  });
}

async function decodeOnce(bench: Workbench, client: pg.Client, load: Load, plugin: string, run: number): Promise<number> {
  const slot = await twin(client, load.slot, `decode_${plugin}_${run}`, plugin);
  bench.settle();
  const program = bench.program('pg_recvlogical', ['--slot', slot, '--start', '--no-loop', '--endpos', load.end, '-f', '/dev/null', '-d', 'decode', ...PLUGINS[plugin]], 'decode');
  const { seconds } = await program.ended;
  await dropSlot(client, slot);
  return seconds;
}
