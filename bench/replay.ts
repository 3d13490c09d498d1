/** deltamirror catching up, against a loop in C: a log of updates into a cache that was made before them. */
import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openReader } from '../src/sqlite/open.js';
import { buildLoop } from './c-loop.js';
import type { Figure } from './figure.js';
import { TABLE, updateRows, type Shape } from './flights.js';
import { interleave, ratios, type Side } from './interleave.js';
import { follow, importCache, unfollow } from './pipeline.js';
import { updatesOf } from './sizes.js';
import { commitLast } from './load.js';
import { confirmed } from './slots.js';
import type { Workbench } from './workbench.js';

const LIMIT_OF_LOOP = 0.9;
const LIMIT_KEYLESS_ROWS_PER_SECOND = 10_000;
const LOOP = ', C loop';
const IDLE = 'deltamirror with nothing to apply';
const FASTEST = 'ids contiguous';
const SHAPES: readonly Shape[] = ['contiguous', 'spread'];

/** A cache, the log of what was committed after it, the options of the mirror. */
interface Recorded { readonly name: string; readonly cache: string; readonly log: string; readonly options: readonly string[]; readonly peaks: number[] }

interface Recording {
  readonly name: string;
  /** SQL on the table before the import, and between it and the load. */
  readonly before?: string;
  readonly between?: string;
  readonly load: string;
}

export async function replay(bench: Workbench): Promise<Figure[]> {
  const loop = await buildLoop(bench);
  const recorded = await recordAll(bench, 'replay', SHAPES.map((shape) => ({ name: `ids ${shape}`, load: updateRows(bench.sizes, shape) })));
  const done: string[] = [];
  for (const one of recorded) done.push(await replayChecked(bench, one, loop));
  const sides = [
    { name: IDLE, measure: async () => (await bench.own('deltamirror', ['--once', done[0]]).ended).seconds },
    ...recorded.flatMap((one) => [ours(bench, one), ...(loop === undefined ? [] : [{ name: loopOf(one), measure: async () => (await loopOnce(bench, one, loop)).seconds }])]),
    ...recorded.flatMap(shieldedOf).map((one) => ours(bench, one)),
  ];
  const seconds = await interleave(sides, bench.sizes.runs, bench.tell);
  const ratio = (what: string, first: string, second: string, of = seconds): Figure => ({ benchmark: 'replay', what, unit: '×', values: ratios(of, first, second) });
  const started = new Map([...seconds].map(([name, values]) => [name, name.endsWith(LOOP) ? values : values.map((taken, run) => Math.max(taken - seconds.get(IDLE)![run], 0.001))]));
  const againstLoop = (one: Recorded): Figure[] => [
    { benchmark: 'replay', what: loopOf(one), unit: 's', values: seconds.get(loopOf(one))! },
    { ...ratio(`${one.name}: rate of deltamirror / of the C loop`, loopOf(one), one.name), requirement: { kind: 'at least', limit: LIMIT_OF_LOOP } },
    ratio(`${one.name}: the same without deltamirror's start`, loopOf(one), one.name, started),
  ];
  return [
    { benchmark: 'replay', what: IDLE, unit: 's', values: seconds.get(IDLE)! },
    ...recorded.flatMap((one) => [...figuresOf('replay', one, seconds, bench), ...(loop === undefined ? [] : againstLoop(one))]),
    ...recorded.flatMap((one) => shieldedOf(one).map(({ name }) => ratio(`${name} / not`, name, one.name))),
  ];
}

/** Without a key and with every tenth row twice; by REPLICA IDENTITY FULL an update names the whole old row. */
export async function keyless(bench: Workbench): Promise<Figure[]> {
  const before = `alter table ${TABLE} drop constraint ${TABLE}_pkey, replica identity full; insert into ${TABLE} select * from ${TABLE} where id % 10 = 0`;
  // So that Postgres itself finds them; made after the import, so that the cache has no such index.
  const between = `create index on ${TABLE} (id)`;
  const [recorded] = await recordAll(bench, 'keyless', [{ name: 'ids spread', before, between, load: updateRows(bench.sizes, 'spread') }]);
  const seconds = await interleave([ours(bench, recorded)], bench.sizes.runs, bench.tell);
  return figuresOf('keyless', recorded, seconds, bench).map((figure) => (figure.unit === 'rows/s' ? { ...figure, requirement: { kind: 'at least', limit: LIMIT_KEYLESS_ROWS_PER_SECOND } } : figure));
}

function ours(bench: Workbench, recorded: Recorded): Side {
  return { name: recorded.name, measure: async () => (await replayOnce(bench, recorded)).seconds };
}

function loopOf({ name }: Recorded): string {
  return name + LOOP;
}

function figuresOf(benchmark: string, { name, peaks }: Recorded, seconds: ReadonlyMap<string, number[]>, bench: Workbench): Figure[] {
  return [
    { benchmark, what: name, unit: 's', values: seconds.get(name)! },
    { benchmark, what: name, unit: 'rows/s', values: seconds.get(name)!.map((taken) => updatesOf(bench.sizes) / taken) },
    { benchmark, what: `${name}, peak memory`, unit: 'MB', values: peaks },
  ];
}

/** The same under --protect; of what is fastest alone, where the difference shows. */
function shieldedOf(recorded: Recorded): Recorded[] {
  return recorded.name === FASTEST ? [{ ...recorded, name: `${FASTEST}, protected`, options: ['--protect'], peaks: [] }] : [];
}

async function recordAll(bench: Workbench, benchmark: string, recordings: readonly Recording[]): Promise<Recorded[]> {
  const recorded: Recorded[] = [];
  for (const recording of recordings) recorded.push(await record(bench, `${benchmark}_${recorded.length}`, recording));
  return recorded;
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
  return { name, cache, log: followed.log, options: [], peaks: [] };
}

async function replayOnce(bench: Workbench, { cache, options, peaks }: Recorded): Promise<{ seconds: number; cache: string }> {
  const copy = bench.path('cache.db');
  copyFileSync(cache, copy);
  bench.settle();
  const program = bench.own('deltamirror', ['--once', '--json', ...options, copy]);
  const { seconds, peakBytes } = await program.ended;
  const { rows } = JSON.parse(program.stdout) as { rows: number };
  if (rows < updatesOf(bench.sizes)) throw new Error(`deltamirror applied ${rows} rows of ${updatesOf(bench.sizes)}`);
  peaks.push(peakBytes / 1e6);
  return { seconds, cache: copy };
}

async function loopOnce(bench: Workbench, { cache, log }: Recorded, loop: string): Promise<{ seconds: number; cache: string }> {
  const copy = bench.path('cache.db');
  copyFileSync(cache, copy);
  const segments = readdirSync(log).filter((name) => name.endsWith('.daystream')).sort().map((name) => join(log, name));
  bench.settle();
  const program = bench.program(loop, [copy, ...segments], 'postgres');
  const { seconds } = await program.ended;
  if (Number(program.stdout) < updatesOf(bench.sizes)) throw new Error(`the C loop applied ${program.stdout.trim()} rows of ${updatesOf(bench.sizes)}`);
  return { seconds, cache: copy };
}

/** Gives a cache with all of it. A loop that does something else is nothing to compare with: what both make has the same rows. */
async function replayChecked(bench: Workbench, recorded: Recorded, loop: string | undefined): Promise<string> {
  const { cache } = await replayOnce(bench, { ...recorded, peaks: [] });
  if (loop === undefined) return cache;
  const looped = await loopOnce(bench, recorded, loop);
  const reader = openReader(cache);
  try {
    reader.prepare('ATTACH ? AS looped').run(looped.cache);
    const [{ rows, equal }] = reader.prepare<[], { rows: number; equal: number }>(`SELECT
      (SELECT count(*) FROM main.${TABLE}) + (SELECT count(*) FROM looped.${TABLE}) AS rows,
      (SELECT count(*) FROM (SELECT * FROM main.${TABLE} INTERSECT SELECT * FROM looped.${TABLE})) AS equal`).all();
    if (rows !== 2 * equal) throw new Error(`${recorded.name}: of ${rows / 2} rows deltamirror and the C loop agree on ${equal}`);
    bench.tell(`${recorded.name}: deltamirror and the C loop agree on all ${equal} rows`);
    return cache;
  } finally {
    reader.close();
  }
}
