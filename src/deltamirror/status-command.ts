/** `deltamirror status`: its command line, and its words. */
import { durationMs, durationText, oneLine, plural, sizeText, type command } from '../cli.js';
import type { Freshness } from '../sqlite/freshness.js';
import { isWithin, statusOf, type Status } from './status.js';
import { heldText } from './wal-report.js';

interface Given {
  readonly maxLag?: number;
  readonly json?: boolean;
}

/** Adds the subcommand. */
export function addStatus(program: ReturnType<typeof command>): void {
  program.command('status')
    .description('how fresh a cache is: caught up, behind and by how much, idle, stalled, stopped; which tables stand still')
    .argument('<cache>', 'the cache; it may be followed meanwhile')
    .option('--max-lag <time>', 'exit code 1 where anything in it may be older, a table that stands still included (5s, 1m)', durationMs)
    .option('--json', 'print one JSON object')
    .addHelpText('after', `
Examples:
  deltamirror status cache.db
  deltamirror status --max-lag 5s cache.db || echo 'ask Postgres instead'`)
    .action(async (cache: string, { maxLag, json }: Given) => {
      const status = await statusOf(cache);
      const within = maxLag === undefined ? undefined : isWithin(status, maxLag / 1000);
      const lines = json === true ? [JSON.stringify({ ...status, withinMaxLag: within ?? null })] : describe(status);
      for (const line of lines) process.stdout.write(`${oneLine(line)}\n`);
      if (within === false) process.exitCode = 1;
    });
}

function describe(status: Status): string[] {
  const { cache, position, lsn, timeline, epoch, mirror, tables, standing, logProblem, protect, wal } = status;
  const counts = (['joining', 'waiting', 'quarantined'] as const).filter((state) => tables[state] > 0).map((state) => `${tables[state]} ${state}`);
  const all = Object.values(tables).reduce((sum, count) => sum + count, 0);
  return [
    `${cache}: ${inWords(status)}`,
    `at ${position}, ${lsn} of timeline ${timeline}, epoch ${epoch}; ${times(status)}`,
    `${plural(all, 'table')}${counts.length === 0 ? '' : `, ${counts.join(', ')}`}${protect ? '; protected' : ''}; ${mirror ?? 'no mirror runs'}`,
    ...(wal.heldSeconds === null ? [] : [heldText(wal.bytes, wal.heldSeconds * 1000, wal.readers)]),
    ...(logProblem === null ? [] : [`the log: ${logProblem}`]),
    ...standing.map(({ schema, name, state, reason, cure, position: since }) => `${schema}.${name}: ${state === 'waiting' ? 'waits for a copy' : 'in quarantine'} since ${since}: ${reason}${cure === '' ? '' : ` — ${cure}`}`),
  ];
}

function inWords({ state, lagSeconds, behindBytes, bytesPerSecond, doneInSeconds }: Freshness): string {
  const lag = lagSeconds === undefined ? '' : ` ${durationText(lagSeconds)}`;
  switch (state) {
    case 'caught-up': return 'caught up';
    case 'idle': return 'caught up, and nothing is committed: idle';
    case 'behind': return `behind${lag}, ${sizeText(behindBytes)} of log${doneInSeconds === undefined ? '' : `, at ${sizeText(bytesPerSecond)}/s done in ${durationText(doneInSeconds)}`}`;
    case 'stalled': return `stalled: no word of the source for${lag}: Postgres, deltastream or the way to the log stands still`;
    case 'stopped': return `stopped: nobody follows the log${lag === '' ? '' : `; its newest word is${lag} old`}${behindBytes === 0 ? '' : `, ${sizeText(behindBytes)} of log are to be applied`}`;
  }
}

function times({ commitTime, sourceTime, appliedAgeSeconds }: Status): string {
  return [`last commit ${commitTime ?? 'unknown'}`, `source heard of ${sourceTime ?? 'unknown'}`, `applied ${durationText(appliedAgeSeconds)} ago`].join(', ');
}
