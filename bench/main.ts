#!/usr/bin/env node
/** `npm run bench [-- NAME …]`: measures on a Postgres of its own, and leaves nothing behind but the figures that it is asked to keep. */
import { command, count, run } from '../src/cli.js';
import { DeltaError } from '../src/errors.js';
import { bootstrap } from './bootstrap.js';
import { decode } from './decode.js';
import type { Figure } from './figure.js';
import { growth } from './growth.js';
import { firstCopy } from './import.js';
import { latency } from './latency.js';
import { describeMachine } from './machine.js';
import { memory } from './memory.js';
import { path } from './path.js';
import { asText } from './print.js';
import { peer } from './peer.js';
import { pgoutput } from './pgoutput.js';
import { draw } from './plots.js';
import { readers } from './readers.js';
import { reconcile } from './reconcile.js';
import { reload } from './reload.js';
import { keyless, replay } from './replay.js';
import { keepResults, readResults } from './results.js';
import { scale } from './scale.js';
import { scan } from './scan.js';
import { schema } from './schema.js';
import { FULL, QUICK, type Sizes } from './sizes.js';
import { seek } from './seek.js';
import { stream } from './stream.js';
import { Workbench } from './workbench.js';

const BENCHMARKS: Readonly<Record<string, (bench: Workbench) => Promise<Figure[]>>> = { decode, stream, pgoutput, import: firstCopy, replay, path, latency, memory, scan, keyless, scale, reload, schema, reconcile, bootstrap, readers, seek, peer, growth };
const EXIT_INTERRUPTED = 130;

interface Options {
  readonly rows?: number;
  readonly runs?: number;
  readonly seconds?: number;
  readonly rate?: number;
  readonly transactionRows?: number;
  readonly quick?: true;
  readonly json?: true;
  readonly save?: string;
  readonly plot?: string;
}

const program = command('bench', 'Measures the path from Postgres to SQLite, piece by piece.')
  .argument('[names...]', `${Object.keys(BENCHMARKS).join(', ')}; default: all but growth, and peer at the full size alone`)
  .option('--rows <n>', `rows of the table (default: ${FULL.rows})`, count)
  .option('--runs <n>', `repeats of each measurement (default: ${FULL.runs})`, count)
  .option('--seconds <n>', `of the latency measurement (default: ${FULL.seconds})`, count)
  .option('--rate <n>', `transactions a second of the latency measurement (default: ${FULL.transactionsPerSecond})`, count)
  .option('--transaction-rows <n>', `rows of the memory measurement's one transaction (default: ${FULL.transactionRows})`, count)
  .option('--quick', 'small sizes, to see that it works')
  .option('--json', 'print every value as JSON')
  .option('--save <folder>', 'also keep the figures there, in results.json, and draw them')
  .option('--plot <folder>', 'measure nothing: draw what is kept there anew, and print it')
  .action(async (names: string[], options: Options) => {
    const unknown = names.find((name) => !(name in BENCHMARKS));
    if (unknown !== undefined) throw new DeltaError('usage', `${unknown}: no such benchmark`, { hint: `one of: ${Object.keys(BENCHMARKS).join(', ')}` });
    if (options.plot !== undefined) return redraw(options.plot);
    const sizes = sizesOf(options);
    await measure(names.length === 0 ? usual(sizes) : names, sizes, options);
  });

await run(program);

/** What is measured where nothing is named. */
function usual(sizes: Sizes): string[] {
  return Object.keys(BENCHMARKS).filter((name) => name !== 'growth' && (name !== 'peer' || sizes.rows >= FULL.rows));
}

function redraw(folder: string): void {
  const results = readResults(folder);
  for (const { machine, sizes, figures } of Object.values(results)) process.stdout.write(`${asText(figures, machine, sizes)}\n`);
  process.stderr.write(`bench: drawn in ${folder}: ${draw(results, folder).join(', ')}\n`);
}

async function measure(names: readonly string[], sizes: Sizes, { json, save }: Options): Promise<void> {
  let place = 'bench';
  const bench = new Workbench(sizes, (text) => process.stderr.write(`${place}: ${text}\n`));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void bench.close().finally(() => process.exit(EXIT_INTERRUPTED)));
  }
  try {
    bench.tell('starting a Postgres and filling the table');
    await bench.open();
    const figures: Figure[] = [];
    for (const name of names) {
      place = name;
      const measured = await BENCHMARKS[name](bench);
      bench.clear();
      figures.push(...measured);
      if (save !== undefined) draw(keepResults(save, { machine: await describeMachine(bench.server), sizes, figures: measured }), save);
    }
    const machine = await describeMachine(bench.server);
    process.stdout.write(json === true ? `${JSON.stringify({ machine, sizes, figures })}\n` : asText(figures, machine, sizes));
  } catch (error) {
    if (bench.isClosing) await new Promise(() => {}); // interrupted: what broke is what is being taken down
    throw error;
  } finally {
    await bench.close();
  }
}

function sizesOf(options: Options): Sizes {
  const base = options.quick === true ? QUICK : FULL;
  return {
    rows: options.rows ?? base.rows,
    runs: options.runs ?? base.runs,
    seconds: options.seconds ?? base.seconds,
    transactionsPerSecond: options.rate ?? base.transactionsPerSecond,
    transactionRows: options.transactionRows ?? (options.rows === undefined ? base.transactionRows : 10 * options.rows),
  };
}
