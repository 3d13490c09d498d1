/** deltamirror catching up: a log of updates into a cache that was made before them. */
import { copyFileSync } from 'node:fs';
import type { Figure } from './figure.js';
import { updateRows, type Shape } from './flights.js';
import { interleave } from './interleave.js';
import { follow, importCache, unfollow } from './pipeline.js';
import { updatesOf } from './sizes.js';
import { commitLast } from './load.js';
import { confirmed } from './slots.js';
import type { Workbench } from './workbench.js';

const LIMIT_ROWS_PER_SECOND = 200_000;
const SHAPES: readonly Shape[] = ['contiguous', 'spread'];

interface Recorded { readonly shape: Shape; readonly cache: string; readonly peaks: number[] }

export async function replay(bench: Workbench): Promise<Figure[]> {
  const recorded: Recorded[] = [];
  for (const shape of SHAPES) recorded.push(await record(bench, shape));
  const sides = recorded.map((one) => ({ name: one.shape, measure: () => replayOnce(bench, one) }));
  const seconds = await interleave(sides, bench.sizes.runs, bench.tell);
  return recorded.flatMap(({ shape, peaks }): Figure[] => [
    { benchmark: 'replay', what: `ids ${shape}`, unit: 's', values: seconds.get(shape)! },
    { benchmark: 'replay', what: `ids ${shape}`, unit: 'rows/s', values: seconds.get(shape)!.map((taken) => updatesOf(bench.sizes) / taken), requirement: { kind: 'at least', limit: LIMIT_ROWS_PER_SECOND } },
    { benchmark: 'replay', what: `ids ${shape}, peak memory`, unit: 'MB', values: peaks },
  ]);
}

/** A cache, and the log of what was committed after it. */
async function record(bench: Workbench, shape: Shape): Promise<Recorded> {
  const followed = await follow(bench, `replay_${shape}`);
  const { cache } = await importCache(bench, followed);
  await bench.withClient(followed.database, async (client) => {
    await client.query(updateRows(bench.sizes, shape));
    await confirmed(client, followed.database, await commitLast(client));
  });
  await unfollow(bench, followed);
  return { shape, cache, peaks: [] };
}

async function replayOnce(bench: Workbench, { cache, peaks }: Recorded): Promise<number> {
  const copy = bench.path('cache.db');
  copyFileSync(cache, copy);
  bench.settle();
  const program = bench.own('deltamirror', ['--once', '--json', copy]);
  const { seconds, peakBytes } = await program.ended;
  const { rows } = JSON.parse(program.stdout) as { rows: number };
  if (rows < updatesOf(bench.sizes)) throw new Error(`deltamirror applied ${rows} rows of ${updatesOf(bench.sizes)}`);
  peaks.push(peakBytes / 1e6);
  return seconds;
}
