/**
 * Postgres to a synced log: deltastream against pg_recvlogical, both with our plugin.
 * Each from its start as a process to the moment when Postgres has been told that all of
 * it is durable; for pg_recvlogical, which then ends, to its end.
 */
import type pg from 'pg';
import { readTransactions } from '../src/index.js';
import type { Figure } from './figure.js';
import { interleave, ratios } from './interleave.js';
import { prepareLoad, type Load } from './load.js';
import { updatesOf } from './sizes.js';
import { confirmed, dropSlot, twin } from './slots.js';
import type { Workbench } from './workbench.js';

const LIMIT = 1.25;

/** What is told of deltastream beside its time. */
interface Notes { readonly starts: number[]; readonly peaks: number[] }

export async function stream(bench: Workbench): Promise<Figure[]> {
  const database = await bench.database('stream');
  return bench.withClient(database, async (client) => {
    const load = await prepareLoad(client, 'stream', bench.sizes);
    const notes: Notes = { starts: [], peaks: [] };
    const seconds = await interleave([
      { name: 'deltastream', measure: (run) => ours(bench, client, load, run, notes) },
      { name: 'pg_recvlogical -f FILE', measure: (run) => theirs(bench, client, load, run) },
    ], bench.sizes.runs, bench.tell);
    await dropSlot(client, load.slot);
    return [
      ...[...seconds].map(([what, values]): Figure => ({ benchmark: 'stream', what, unit: 's', values })),
      { benchmark: 'stream', what: 'deltastream / pg_recvlogical', unit: '×', values: ratios(seconds, 'deltastream', 'pg_recvlogical -f FILE'), requirement: { kind: 'at most', limit: LIMIT } },
      { benchmark: 'stream', what: 'deltastream, start to first message', unit: 's', values: notes.starts },
      { benchmark: 'stream', what: 'deltastream, peak memory', unit: 'MB', values: notes.peaks },
    ];
  });
}

async function ours(bench: Workbench, client: pg.Client, load: Load, run: number, notes: Notes): Promise<number> {
  const slot = await twin(client, load.slot, `stream_ours_${run}`, 'deltastream');
  const out = bench.directory('log');
  bench.settle();
  const started = performance.now();
  const program = bench.own('deltastream', ['--slot', slot, '--out', out, '--pg', bench.server.url('stream')]);
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

async function theirs(bench: Workbench, client: pg.Client, load: Load, run: number): Promise<number> {
  const slot = await twin(client, load.slot, `stream_theirs_${run}`, 'deltastream');
  const file = bench.path('recvlogical');
  bench.settle();
  const { seconds } = await bench.program('pg_recvlogical', ['--slot', slot, '--start', '--no-loop', '--endpos', load.end, '-f', file, '-d', 'stream'], 'stream').ended;
  await dropSlot(client, slot);
  return seconds;
}

/** A log that was written fast and not whole is worth nothing. */
export async function requireRows(log: string, expected: number): Promise<void> {
  let rows = 0;
  for await (const { first, last } of readTransactions(log)) rows += last.sequence - first.sequence - 1;
  if (rows < expected) throw new Error(`${log}: holds ${rows} lines of ${expected} rows`);
}
