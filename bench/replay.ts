/** deltamirror catching up: a log of updates into a cache that was made before them. */
import { copyFileSync } from 'node:fs';
import type { Figure } from './figure.js';
import { TABLE, updateRows, type Shape } from './flights.js';
import { interleave, ratios } from './interleave.js';
import { follow, importCache, unfollow } from './pipeline.js';
import { updatesOf } from './sizes.js';
import { commitLast } from './load.js';
import { confirmed } from './slots.js';
import type { Workbench } from './workbench.js';

const LIMIT_ROWS_PER_SECOND = 200_000;
const LIMIT_KEYLESS_ROWS_PER_SECOND = 10_000;
const FASTEST = 'ids contiguous';
const SHAPES: readonly Shape[] = ['contiguous', 'spread'];

/** A cache, the options of the mirror, and the log of what was committed after it. */
interface Recorded { readonly name: string; readonly cache: string; readonly options: readonly string[]; readonly peaks: number[] }

interface Recording {
  readonly name: string;
  /** SQL on the table before the import, and between it and the load. */
  readonly before?: string;
  readonly between?: string;
  readonly load: string;
}

export async function replay(bench: Workbench): Promise<Figure[]> {
  return measure(bench, 'replay', SHAPES.map((shape) => ({ name: `ids ${shape}`, load: updateRows(bench.sizes, shape) })), LIMIT_ROWS_PER_SECOND);
}

/** Without a key and with every tenth row twice; by REPLICA IDENTITY FULL an update names the whole old row. */
export async function keyless(bench: Workbench): Promise<Figure[]> {
  const before = `alter table ${TABLE} drop constraint ${TABLE}_pkey, replica identity full; insert into ${TABLE} select * from ${TABLE} where id % 10 = 0`;
  // So that Postgres itself finds them; made after the import, so that the cache has no such index.
  const between = `create index on ${TABLE} (id)`;
  return measure(bench, 'keyless', [{ name: 'ids spread', before, between, load: updateRows(bench.sizes, 'spread') }], LIMIT_KEYLESS_ROWS_PER_SECOND);
}

async function measure(bench: Workbench, benchmark: string, recordings: readonly Recording[], limit: number): Promise<Figure[]> {
  const recorded: Recorded[] = [];
  for (const recording of recordings) recorded.push(await record(bench, `${benchmark}_${recorded.length}`, recording));
  const sides = [...recorded, ...recorded.flatMap(shieldedOf)].map((one) => ({ name: one.name, measure: () => replayOnce(bench, one) }));
  const seconds = await interleave(sides, bench.sizes.runs, bench.tell);
  const figures = recorded.flatMap(({ name, peaks }): Figure[] => [
    { benchmark, what: name, unit: 's', values: seconds.get(name)! },
    { benchmark, what: name, unit: 'rows/s', values: seconds.get(name)!.map((taken) => updatesOf(bench.sizes) / taken), requirement: { kind: 'at least', limit } },
    { benchmark, what: `${name}, peak memory`, unit: 'MB', values: peaks },
  ]);
  const shielded = recorded.flatMap((one) => shieldedOf(one).map(({ name }): Figure => ({ benchmark, what: `${name} / not`, unit: '×', values: ratios(seconds, name, one.name) })));
  return [...figures, ...shielded];
}

/** The same under --protect; of what is fastest alone, where the difference shows. */
function shieldedOf(recorded: Recorded): Recorded[] {
  return recorded.name === FASTEST ? [{ ...recorded, name: `${FASTEST}, protected`, options: ['--protect'], peaks: [] }] : [];
}

async function record(bench: Workbench, database: string, { name, before, between, load }: Recording): Promise<Recorded> {
  const followed = await follow(bench, database);
  const run = async (sql: string | undefined) => { if (sql !== undefined) await bench.withClient(database, (client) => client.query(sql)); };
  await run(before);
  const { cache } = await importCache(bench, followed);
  await run(between);
  await run(load);
  await bench.withClient(database, async (client) => confirmed(client, database, await commitLast(client)));
  await unfollow(bench, followed);
  return { name, cache, options: [], peaks: [] };
}

async function replayOnce(bench: Workbench, { cache, options, peaks }: Recorded): Promise<number> {
  const copy = bench.path('cache.db');
  copyFileSync(cache, copy);
  bench.settle();
  const program = bench.own('deltamirror', ['--once', '--json', ...options, copy]);
  const { seconds, peakBytes } = await program.ended;
  const { rows } = JSON.parse(program.stdout) as { rows: number };
  if (rows < updatesOf(bench.sizes)) throw new Error(`deltamirror applied ${rows} rows of ${updatesOf(bench.sizes)}`);
  peaks.push(peakBytes / 1e6);
  return seconds;
}
