/**
 * deltastream against pg_recvlogical on twin slots. Each from its start as a process to the moment
 * when Postgres has been told that all of it is durable; for pg_recvlogical, which then ends, to its end.
 */
import type pg from 'pg';
import { readTransactions } from '../src/index.js';
import type { Figure } from './figure.js';
import { interleave, ratios } from './interleave.js';
import { prepareLoad, type Load } from './load.js';
import { updatesOf } from './sizes.js';
import { confirmed, dropSlot, twin } from './slots.js';
import type { Workbench } from './workbench.js';

const OURS = 'deltastream';

/** Where pg_recvlogical's output goes. Into a file it syncs it once, at the end. */
export type Output = 'FILE' | '/dev/null';

export interface Twins {
  /** Also the name of the database. */
  readonly benchmark: string;
  readonly plugin: string;
  /** What pg_recvlogical is to do, and the limit of the ratio to it. */
  readonly against: readonly { readonly output: Output; readonly limit?: number }[];
  /** Arguments of deltastream beside slot, folder and server. */
  readonly ours: readonly string[];
  /** Options of the plugin for pg_recvlogical, in a run. */
  readonly theirs: (run: number) => Readonly<Record<string, string>>;
}

/** What is told of deltastream beside its time. */
interface Notes { readonly starts: number[]; readonly peaks: number[] }

/** The slot that deltastream reads in a run. */
export function slotOf(benchmark: string, run: number): string {
  return `${benchmark}_ours_${run}`;
}

export async function compareTwins(bench: Workbench, client: pg.Client, twins: Twins): Promise<Figure[]> {
  const { benchmark, against } = twins;
  const load = await prepareLoad(client, benchmark, bench.sizes);
  const notes: Notes = { starts: [], peaks: [] };
  const seconds = await interleave([
    { name: OURS, measure: (run) => ours(bench, client, twins, load, run, notes) },
    ...against.map(({ output }) => ({ name: nameOf(output), measure: (run: number) => theirs(bench, client, twins, load, output, run) })),
  ], bench.sizes.runs, bench.tell);
  await dropSlot(client, load.slot);
  return [
    ...[...seconds].map(([what, values]): Figure => ({ benchmark, what, unit: 's', values })),
    ...against.map(({ output, limit }): Figure => ({
      benchmark, what: `deltastream / ${nameOf(output)}`, unit: '×', values: ratios(seconds, OURS, nameOf(output)),
      ...(limit !== undefined && { requirement: { kind: 'at most', limit } }),
    })),
    ...against.map(({ output }): Figure => ({
      benchmark, what: `deltastream / ${nameOf(output)}, without its start`, unit: '×', values: seconds.get(OURS)!.map((taken, run) => (taken - notes.starts[run]) / seconds.get(nameOf(output))![run]),
    })),
    { benchmark, what: 'deltastream, start to first message', unit: 's', values: notes.starts },
    { benchmark, what: 'deltastream, peak memory', unit: 'MB', values: notes.peaks },
  ];
}

async function ours(bench: Workbench, client: pg.Client, { benchmark, plugin, ours: args }: Twins, load: Load, run: number, notes: Notes): Promise<number> {
  const slot = await twin(client, load.slot, slotOf(benchmark, run), plugin);
  const out = bench.directory('log');
  bench.settle();
  const started = performance.now();
  const program = bench.own('deltastream', ['--slot', slot, '--out', out, ...args, '--pg', bench.server.url(benchmark)]);
  await program.said(/following slot/);
  notes.starts.push((performance.now() - started) / 1000);
  await Promise.race([confirmed(client, slot, load.beforeLastCommit), program.ended]);
  const seconds = (performance.now() - started) / 1000;
  notes.peaks.push(program.peakBytes / 1e6);
  await program.stop();
  await dropSlot(client, slot);
  await requireRows(out, updatesOf(bench.sizes) + 1);
  return seconds;
}

function nameOf(output: Output): string {
  return `pg_recvlogical -f ${output}`;
}

async function theirs(bench: Workbench, client: pg.Client, { benchmark, plugin, theirs: optionsOf }: Twins, load: Load, output: Output, run: number): Promise<number> {
  const slot = await twin(client, load.slot, `${benchmark}_theirs_${run}`, plugin);
  const options = Object.entries(optionsOf(run)).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const file = output === 'FILE' ? bench.path('recvlogical') : output;
  bench.settle();
  const { seconds } = await bench.program('pg_recvlogical', ['--slot', slot, '--start', '--no-loop', '--endpos', load.end, '-f', file, '-d', benchmark, ...options], benchmark).ended;
  await dropSlot(client, slot);
  return seconds;
}

/** A log that was written fast and not whole is worth nothing. */
async function requireRows(log: string, expected: number): Promise<void> {
  let rows = 0;
  for await (const { first, last } of readTransactions(log)) rows += last.sequence - first.sequence - 1;
  if (rows < expected) throw new Error(`${log}: holds ${rows} lines of ${expected} rows`);
}
