#!/usr/bin/env node
/** `daystream`: the log for people. */
import { Argument, InvalidArgumentError } from 'commander';
import { command, plural, run } from '../cli.js';
import { Folder } from '../daystream/folder.js';
import { formatPosition, parsePosition, type Position } from '../daystream/position.js';
import { summarize, verifyLog } from '../daystream/verify.js';
import { addServe } from '../serve/command.js';
import { cat, type CatOptions } from './cat.js';

const program = command('daystream', 'Shows, lists and checks a daystream.')
  .addHelpText('after', `
Examples:
  daystream cat --from 1507507200:0 --table flights /var/daystream
  daystream verify /var/daystream
  daystream serve /var/daystream`);
const folder = () => new Argument('[folder]', 'the daystream').default('.');

program.command('cat')
  .description('Prints whole units of the log, as they are or as JSON, one line each.')
  .addArgument(folder())
  .option('--from <clock:sequence>', 'first line at or behind this position', position)
  .option('--to <clock:sequence>', 'last line at or before this position', position)
  .option('--table <name>', 'only lines of this table: t, or schema.t')
  .option('--json', 'print JSON: {position, own, columns}')
  .addHelpText('after', '\nExample:\n  daystream cat --from 1507507200:0 --table flights /var/daystream')
  .action(async (path: string, options: CatOptions) => {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => { if (error.code === 'EPIPE') process.exit(0); });
    await onLog(path, async (log) => {
      for await (const text of cat(log, options)) {
        if (!process.stdout.write(text)) await new Promise((drained) => process.stdout.once('drain', drained));
      }
    });
  });

program.command('ls')
  .description('Lists the segments: positions, bytes, transactions.')
  .addArgument(folder())
  .option('--json', 'print JSON, one segment a line')
  .addHelpText('after', '\nExample:\n  daystream ls /var/daystream')
  .action((path: string, options: { json?: boolean }) => onLog(path, async (log) => {
    for (const { segment, first, last, bytes, transactions } of await summarize(log)) {
      const row = { segment, first: formatPosition(first), last: formatPosition(last), bytes, transactions };
      process.stdout.write(options.json === true ? `${JSON.stringify(row)}\n` : `${segment}  ${row.first} to ${row.last}  ${plural(bytes, 'byte')}  ${plural(transactions, 'transaction')}\n`);
    }
  }));

program.command('verify')
  .description('Checks format, sequence and chain; names the first bad byte. Exits 1 where the log is damaged.')
  .addArgument(folder())
  .option('--json', 'print JSON')
  .addHelpText('after', '\nExample:\n  daystream verify /var/daystream')
  .action((path: string, options: { json?: boolean }) => onLog(path, async (log) => {
    const { position: last, ...counts } = await verifyLog(log);
    if (options.json === true) {
      process.stdout.write(`${JSON.stringify({ ...counts, position: formatPosition(last) })}\n`);
      return;
    }
    const { segments, transactions, lines, bytes, tornBytes, chain } = counts;
    const torn = tornBytes === 0 ? '' : `, and a torn tail of ${tornBytes} bytes, which is normal while deltastream runs or after it was killed`;
    process.stdout.write(`ok: ${plural(segments, 'segment')}, ${plural(transactions, 'transaction')}, ${plural(lines, 'line')}, ${plural(bytes, 'byte')} up to ${formatPosition(last)}${chain ? '' : ' (original format: no chain to check)'}${torn}\n`);
  }));

addServe(program, folder());

async function onLog(path: string, work: (log: Folder) => Promise<void>): Promise<void> {
  const log = new Folder(path);
  try {
    await work(log);
  } finally {
    await log.close();
  }
}

function position(text: string): Position {
  try {
    return parsePosition(text);
  } catch {
    throw new InvalidArgumentError('Write clock:sequence, like 1507507200:0.');
  }
}

await run(program);
