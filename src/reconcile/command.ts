/** `deltastream reconcile`: its command line. What it runs is loaded when it is asked for, since deltastream itself knows no cache. */
import { grouped, oneLine, plural, type command } from '../cli.js';
import type { PluginChoice } from '../postgres/slot.js';
import type { KnowSince } from './options.js';
import type { Result, TableResult } from './reconcile.js';

type Program = ReturnType<typeof command>;

interface Given {
  readonly pg?: string;
  readonly slot: string;
  readonly out: string;
  readonly cache?: string;
  readonly plugin: PluginChoice;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Adds the subcommand. */
export function addReconcile(program: Program, plugin: Parameters<Program['addOption']>[0], knowSince: KnowSince): void {
  program.command('reconcile')
    .description('bring the log on where history broke (a slot lost, a server restored, promoted or upgraded), with the differences alone')
    .requiredOption('--slot <name>', 'the replication slot; one of that name is dropped and made anew')
    .requiredOption('--out <dir>', 'folder of the log; its deltastream must not run')
    .option('--cache <file>', 'a cache of all followed tables, which is brought to the end of the log first; without one every table is copied through the log')
    .option('--pg <url>', 'postgres://user@host:port/database; else the PG* environment and the password file')
    .addOption(plugin)
    .option('--dry-run', 'say what differs; neither slot nor log is touched')
    .option('--json', 'print one JSON object')
    .addHelpText('after', `
Examples:
  deltastream reconcile --slot fleet --out /var/daystream --cache /var/cache/all.db --dry-run
  deltastream reconcile --slot fleet --out /var/daystream --cache /var/cache/all.db      then start deltastream again`)
    .action(async (given: Given) => {
      const [{ reconcile }, { progressTo }] = await Promise.all([import('./reconcile.js'), import('../load/progress.js')]);
      const progress = progressTo(process.stderr);
      const stop = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
      const { pg, slot, out, cache, plugin: name, dryRun = false } = given;
      const result = await reconcile({ pg, slot, out, cache, plugin: name, dryRun, knowSince }, progress, stop.signal).finally(() => progress.stop());
      process.stdout.write(`${given.json === true ? JSON.stringify(result) : describe(result).map(oneLine).join('\n')}\n`);
    });
}

function describe({ log, epoch, position, tables, rows, seconds }: Result): string[] {
  const copied = tables.filter(({ what }) => what === 'copied');
  const size = copied.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
  return [
    ...tables.map(ofTable),
    ...(copied.length === 0 ? [] : [`${plural(copied.length, 'table')}, about ${grouped(Math.ceil(size / 1e6))} MB, ${epoch === undefined ? 'would be' : 'are'} copied through the log when deltastream runs; every host takes them from there`]),
    epoch === undefined
      ? `${log}: ${plural(rows, 'differing row')}, found in ${seconds.toFixed(1)} s; nothing was written`
      : `${log}: epoch ${epoch} at ${position}, ${plural(rows, 'differing row')} in ${seconds.toFixed(1)} s; start deltastream again`,
  ];
}

function ofTable({ schema, table, what, why, ...count }: TableResult): string {
  if (what === 'dropped') return `${schema}.${table}: is not in this Postgres, and goes`;
  if (what === 'copied') return `${schema}.${table}: is copied: ${why}`;
  return `${schema}.${table}: ${count.insert} inserted, ${count.update} updated, ${count.delete} deleted`;
}
