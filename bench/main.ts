#!/usr/bin/env node
/** `npm run bench [-- NAME …]`: measures on a Postgres of its own, and leaves nothing behind. */
import { command, count, run } from '../src/cli.js';
import { DeltaError } from '../src/errors.js';
import { bootstrap } from './bootstrap.js';
import { decode } from './decode.js';
import type { Figure } from './figure.js';
import { firstCopy } from './import.js';
import { latency } from './latency.js';
import { describeMachine } from './machine.js';
import { memory } from './memory.js';
import { path } from './path.js';
import { asText } from './print.js';
import { pgoutput } from './pgoutput.js';
import { readers } from './readers.js';
import { reconcile } from './reconcile.js';
import { reload } from './reload.js';
import { keyless, replay } from './replay.js';
import { scale } from './scale.js';
import { scan } from './scan.js';
import { schema } from './schema.js';
import { FULL, QUICK, type Sizes } from './sizes.js';
import { seek } from './seek.js';
import { stream } from './stream.js';
import { Workbench } from './workbench.js';

const BENCHMARKS: Readonly<Record<string, (bench: Workbench) => Promise<Figure[]>>> = { decode, stream, pgoutput, import: firstCopy, replay, path, latency, memory, scan, keyless, scale, reload, schema, reconcile, bootstrap, readers, seek };
const EXIT_INTERRUPTED = 130;

interface Options {
  readonly rows?: number;
  readonly runs?: number;
  readonly seconds?: number;
  readonly rate?: number;
  readonly transactionRows?: number;
  readonly quick?: true;
  readonly json?: true;
}

const program = command('bench', 'Measures the path from Postgres to SQLite, piece by piece.')
  .argument('[names...]', `${Object.keys(BENCHMARKS).join(', ')}; default: all`)
  .option('--rows <n>', `rows of the table (default: ${FULL.rows})`, count)
  .option('--runs <n>', `repeats of each measurement (default: ${FULL.runs})`, count)
  .option('--seconds <n>', `of the latency measurement (default: ${FULL.seconds})`, count)
  .option('--rate <n>', `transactions a second of the latency measurement (default: ${FULL.transactionsPerSecond})`, count)
  .option('--transaction-rows <n>', `rows of the memory measurement's one transaction (default: ${FULL.transactionRows})`, count)
  .option('--quick', 'small sizes, to see that it works')
  .option('--json', 'print every value as JSON')
  .action(async (names: string[], options: Options) => {
    const unknown = names.find((name) => !(name in BENCHMARKS));
    if (unknown !== undefined) throw new DeltaError('usage', `${unknown}: no such benchmark`, { hint: `one of: ${Object.keys(BENCHMARKS).join(', ')}` });
    await measure(names.length === 0 ? Object.keys(BENCHMARKS) : names, sizesOf(options), options.json === true);
  });

await run(program);

async function measure(names: readonly string[], sizes: Sizes, json: boolean): Promise<void> {
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
      figures.push(...(await BENCHMARKS[name](bench)));
      bench.clear();
    }
    const machine = await describeMachine(bench.server);
    process.stdout.write(json ? `${JSON.stringify({ machine, sizes, figures })}\n` : asText(figures, machine, sizes));
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
