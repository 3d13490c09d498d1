/** `deltamirror publish`: its command line. What it runs is loaded when it is asked for. */
import { count, oneLine, plural, sizeText, type command } from '../cli.js';
import { formatPosition } from '../daystream/position.js';
import type { Published } from '../published/publish.js';

const KEEP_DEFAULT = 2;

interface Given {
  readonly to: string;
  readonly keep: number;
  readonly json?: boolean;
}

/** Adds the subcommand. */
export function addPublish(program: ReturnType<typeof command>): void {
  program.command('publish')
    .description('write a snapshot of a cache for other hosts to begin with; the cache may be followed and read meanwhile')
    .argument('<cache>', 'the cache')
    .requiredOption('--to <folder>', 'where the snapshots are: the log\'s folder, so that they are found beside it')
    .option('--keep <n>', 'how many stay; older ones are removed', count, KEEP_DEFAULT)
    .option('--json', 'print one JSON object')
    .addHelpText('after', `
Examples:
  deltamirror publish cache.db --to /var/daystream                     from cron or a systemd timer
  deltaimport --bootstrap --source /var/daystream cache.db             what another host does with it`)
    .action(async (cache: string, { to, keep, json }: Given) => {
      const { publishSnapshot } = await import('../published/publish.js');
      const published = await publishSnapshot(cache, to, keep);
      process.stdout.write(json === true ? `${asJson(published)}\n` : `${asText(published).map(oneLine).join('\n')}\n`);
    });
}

function asText({ path, tables, bytes, plainBytes, leftBehind, removed }: Published): string[] {
  return [
    ...(leftBehind.length === 0 ? [] : [`left out, since deltamirror did not make them: ${leftBehind.map(({ kind, name }) => `${kind} ${name}`).join(', ')}`]),
    ...removed.map((name) => `removed: ${name}`),
    `${path}: ${plural(tables, 'table')}, ${sizeText(bytes)} of ${sizeText(plainBytes)}`,
  ];
}

function asJson({ position, ...published }: Published): string {
  return JSON.stringify({ ...published, position: formatPosition(position) });
}
