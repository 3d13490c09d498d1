#!/usr/bin/env node
/** `daystream`: the log for people. */
import { Argument, InvalidArgumentError, Option } from 'commander';
import { command, oneLine, plural, run } from '../cli.js';
import { formatPosition, parsePosition, type Position } from '../daystream/position.js';
import type { Transport } from '../daystream/transport.js';
import { openTransport } from '../daystream/transports/open.js';
import { summarize, verifyLog } from '../daystream/verify.js';
import { addRetention } from '../retention/command.js';
import { addServe } from '../serve/command.js';
import { cat, type CatOptions } from './cat.js';

const program = command('daystream', 'Shows, lists and checks a daystream.')
  .addHelpText('after', `
Examples:
  daystream cat --from 1507507200:0 --table flights /var/daystream
  daystream verify /var/daystream
  daystream ls https://log.example/day/
  daystream serve /var/daystream`);
const source = () => new Argument('[folder or url]', 'the daystream').default('.');
const tokenFile = () => new Option('--token-file <file>', 'what the server of an http log is shown, else DAYSTREAM_TOKEN');
const insecure = () => new Option('--insecure', 'show the token also by http:// to another machine, where others may read it');

interface Options {
  readonly tokenFile?: string;
  readonly insecure?: true;
  readonly json?: boolean;
}

program.command('cat')
  .description('Prints whole units of the log, as they are or as JSON, one line each.')
  .addArgument(source())
  .addOption(tokenFile())
  .addOption(insecure())
  .option('--from <clock:sequence>', 'first line at or behind this position', position)
  .option('--to <clock:sequence>', 'last line at or before this position', position)
  .option('--table <name>', 'only lines of this table: t, or schema.t')
  .option('--json', 'print JSON: {position, own, columns}')
  .addHelpText('after', '\nExample:\n  daystream cat --from 1507507200:0 --table flights /var/daystream')
  .action(async (path: string, options: CatOptions & Options) => {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => { if (error.code === 'EPIPE') process.exit(0); });
    await onLog(path, options, async (log) => {
      for await (const text of cat(log, options)) {
        if (!process.stdout.write(text)) await new Promise((drained) => process.stdout.once('drain', drained));
      }
    });
  });

program.command('ls')
  .description('Lists the segments: positions, bytes, transactions.')
  .addArgument(source())
  .addOption(tokenFile())
  .addOption(insecure())
  .option('--json', 'print JSON, one segment a line')
  .addHelpText('after', '\nExample:\n  daystream ls /var/daystream')
  .action((path: string, options: Options) => onLog(path, options, async (log) => {
    for (const { segment, first, last, bytes, transactions } of await summarize(log)) {
      const row = { segment, first: formatPosition(first), last: formatPosition(last), bytes, transactions };
      process.stdout.write(options.json === true ? `${JSON.stringify(row)}\n` : `${segment}  ${row.first} to ${row.last}  ${plural(bytes, 'byte')}  ${plural(transactions, 'transaction')}\n`);
    }
  }));

program.command('verify')
  .description('Checks format, sequence and chain; names the first bad byte. Exits 1 where the log is damaged.')
  .addArgument(source())
  .addOption(tokenFile())
  .addOption(insecure())
  .option('--json', 'print JSON')
  .addHelpText('after', '\nExample:\n  daystream verify /var/daystream')
  .action((path: string, options: Options) => onLog(path, options, async (log) => {
    const { position: last, ...counts } = await verifyLog(log);
    if (options.json === true) {
      process.stdout.write(`${JSON.stringify({ ...counts, position: formatPosition(last) })}\n`);
      return;
    }
    const { segments, transactions, lines, bytes, tornBytes, chain } = counts;
    const torn = tornBytes === 0 ? '' : `, and a torn tail of ${tornBytes} bytes, which is normal while deltastream runs or after it was killed`;
    process.stdout.write(`ok: ${plural(segments, 'segment')}, ${plural(transactions, 'transaction')}, ${plural(lines, 'line')}, ${plural(bytes, 'byte')} up to ${formatPosition(last)}${chain ? '' : ' (original format: no chain to check)'}${torn}\n`);
  }));

const folder = () => new Argument('[folder]', 'the daystream').default('.');
addServe(program, folder());
addRetention(program, folder);

async function onLog(path: string, { tokenFile, insecure }: Options, work: (log: Transport) => Promise<void>): Promise<void> {
  const tell = (text: string) => process.stderr.write(`daystream: ${oneLine(text)}\n`);
  const log = openTransport(path, { tell, signal: new AbortController().signal, tokenFile, insecure });
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

void run(program);
