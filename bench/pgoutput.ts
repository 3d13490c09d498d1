/**
 * Postgres to a synced log without our plugin: deltastream against pg_recvlogical, which writes
 * pgoutput's bytes as they come. Measured as in stream.ts.
 */
import type pg from 'pg';
import { preparePublication } from '../src/postgres/publication-change.js';
import { pgoutputOptions } from '../src/deltastream/pgoutput/session.js';
import type { Figure } from './figure.js';
import { TABLE } from './flights.js';
import { interleave, ratios } from './interleave.js';
import { prepareLoad, type Load } from './load.js';
import { updatesOf } from './sizes.js';
import { confirmed, dropSlot, twin } from './slots.js';
import { requireRows } from './stream.js';
import type { Workbench } from './workbench.js';

const LIMIT = 1.5;
const DATABASE = 'pgoutput';
const OURS = 'deltastream';
const THEIRS = 'pg_recvlogical -f FILE';

/** What is told of deltastream beside its time. */
interface Notes { readonly peaks: number[] }

export async function pgoutput(bench: Workbench): Promise<Figure[]> {
  await bench.database(DATABASE);
  return bench.withClient(DATABASE, async (client) => {
    // What a slot decodes sees the publications that were there then.
    for (let run = 0; run < bench.sizes.runs; run++) await preparePublication(client, { name: slotOf(run), tables: TABLE, partitions: 'root' }, false);
    const load = await prepareLoad(client, 'pgoutput', bench.sizes);
    const notes: Notes = { peaks: [] };
    const seconds = await interleave([
      { name: OURS, measure: (run) => ours(bench, client, load, run, notes) },
      { name: THEIRS, measure: (run) => theirs(bench, client, load, run) },
    ], bench.sizes.runs, bench.tell);
    await dropSlot(client, load.slot);
    return [
      ...[...seconds].map(([what, values]): Figure => ({ benchmark: 'pgoutput', what, unit: 's', values })),
      { benchmark: 'pgoutput', what: 'deltastream / pg_recvlogical', unit: '×', values: ratios(seconds, OURS, THEIRS), requirement: { kind: 'at most', limit: LIMIT } },
      { benchmark: 'pgoutput', what: 'deltastream, peak memory', unit: 'MB', values: notes.peaks },
    ];
  });
}

function slotOf(run: number): string {
  return `pgoutput_ours_${run}`;
}

async function ours(bench: Workbench, client: pg.Client, load: Load, run: number, notes: Notes): Promise<number> {
  const slot = await twin(client, load.slot, slotOf(run), 'pgoutput');
  const out = bench.directory('log');
  bench.settle();
  const started = performance.now();
  const program = bench.own('deltastream', ['--slot', slot, '--out', out, '--tables', TABLE, '--pg', bench.server.url(DATABASE)]);
  await Promise.race([confirmed(client, slot, load.beforeLastCommit), program.ended]);
  const seconds = (performance.now() - started) / 1000;
  notes.peaks.push(program.peakBytes / 1e6);
  await program.stop();
  await dropSlot(client, slot);
  await requireRows(out, updatesOf(bench.sizes) + 1);
  return seconds;
}

async function theirs(bench: Workbench, client: pg.Client, load: Load, run: number): Promise<number> {
  const slot = await twin(client, load.slot, `pgoutput_theirs_${run}`, 'pgoutput');
  const { rows: [{ version }] } = await client.query<{ version: string }>("select current_setting('server_version_num') as version");
  const options = Object.entries(pgoutputOptions(Math.floor(Number(version) / 10_000), slotOf(run))).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const file = bench.path('recvlogical');
  bench.settle();
  const { seconds } = await bench.program('pg_recvlogical', ['--slot', slot, '--start', '--no-loop', '--endpos', load.end, '-f', file, '-d', DATABASE, ...options], DATABASE).ended;
  await dropSlot(client, slot);
  return seconds;
}
