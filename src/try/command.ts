/** `deltastream try`: its command line. What it runs is loaded when it is asked for, since deltastream itself knows no cache. */
import { bytes, durationMs, oneLine, type command } from '../cli.js';
import { checkTarget } from '../postgres/connection.js';
import type { PluginChoice } from '../postgres/slot.js';

type Program = ReturnType<typeof command>;

interface Given {
  readonly tables: string;
  readonly seconds: number;
  readonly limit: number;
  readonly plugin: PluginChoice;
  readonly json?: boolean;
}

const SECOND_MS = 1000;

/** Adds the subcommand. */
export function addTry(program: Program, plugin: Parameters<Program['addOption']>[0]): void {
  program.command('try')
    .description('show on a database of yours how it goes: copy tables, follow them while you use it, compare; nothing is left behind')
    .argument('[url]', 'postgres://user@host:port/database; else the PG* environment and the password file')
    .option('--tables <patterns>', 't, schema.t, schema.*, separated by commas', '*.*')
    .option('--seconds <n>', 'follow so long; Ctrl-C ends it before', seconds, 60)
    .addOption(program.createOption('--limit <size>', 'copy no more than so much in all (500MB, 20GB)').argParser(bytes).default(10e9, '10GB'))
    .addOption(plugin)
    .option('--json', 'print the report as one JSON object, the rest to standard error')
    .addHelpText('after', `
Examples:
  deltastream try postgres://me@db.example/app                         every table
  deltastream try --tables 'flights,sales.*' --seconds 10 --json       where PG* says`)
    .action(async (url: string | undefined, { tables, seconds, limit, plugin, json = false }: Given) => {
      checkTarget(url, 'url');
      const { Signals } = await import('./signals.js');
      const { tryOut } = await import('./try.js');
      const { asJson, describe } = await import('./report.js');
      const out = json ? process.stderr : process.stdout;
      const tell = (text: string) => { out.write(`${oneLine(text)}\n`); };
      const report = await tryOut({ url, patterns: tables, seconds, limitBytes: limit, plugin }, new Signals(tell), tell);
      if (json) process.stdout.write(`${asJson(report)}\n`);
      else for (const line of describe(report)) tell(line);
      if (!report.equal || !report.complete || report.left.length > 0) process.exitCode = 1;
    });
}

/** An argument parser for commander: seconds, with a unit or without. */
function seconds(text: string): number {
  return durationMs(/^\d+(\.\d+)?$/.test(text) ? `${text}s` : text) / SECOND_MS;
}
