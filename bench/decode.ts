/** Our plugin against the two that come with Postgres, on the same WAL; what they print goes nowhere. */
import type pg from 'pg';
import type { Figure } from './figure.js';
import { interleave, ratios } from './interleave.js';
import { prepareLoad, type Load } from './load.js';
import { dropSlot, twin } from './slots.js';
import type { Workbench } from './workbench.js';

const PLUGINS: Readonly<Record<string, readonly string[]>> = {
  deltastream: [],
  test_decoding: [],
  pgoutput: ['-o', 'proto_version=1', '-o', 'publication_names=bench'],
};

export async function decode(bench: Workbench): Promise<Figure[]> {
  const database = await bench.database('decode');
  return bench.withClient(database, async (client) => {
    const load = await prepareLoad(client, 'decode', bench.sizes);
    const sides = Object.keys(PLUGINS).map((name) => ({ name, measure: (run: number) => decodeOnce(bench, client, load, name, run) }));
    const seconds = await interleave(sides, bench.sizes.runs, bench.tell);
    await dropSlot(client, load.slot);
    return [
      ...[...seconds].map(([plugin, values]): Figure => ({ benchmark: 'decode', what: plugin, unit: 's', values })),
      { benchmark: 'decode', what: 'deltastream / test_decoding', unit: '×', values: ratios(seconds, 'deltastream', 'test_decoding') },
      { benchmark: 'decode', what: 'deltastream / pgoutput', unit: '×', values: ratios(seconds, 'deltastream', 'pgoutput') },
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
