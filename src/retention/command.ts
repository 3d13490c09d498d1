/** `daystream compress`, `prune` and `hosts`: their command lines. What they run is loaded when it is asked for. */
import { plural, sizeText, type command } from '../cli.js';
import { formatPosition, parsePosition } from '../daystream/position.js';
import { DeltaError, shellWord } from '../errors.js';

type Program = ReturnType<typeof command>;
type Folder = () => Parameters<Program['addArgument']>[0];

/** A shorter time could take what Postgres sends again after a restart, or what a host is just reading. */
const KEEP_LEAST_MS = 3_600_000;
const UNITS_MS: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

interface Given {
  readonly keep?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Adds the subcommands. */
export function addRetention(program: Program, folder: Folder): void {
  program.command('compress')
    .description('Compresses the segments that are no longer written, with a seek table: readers go on as if they were plain, zcat reads them too.')
    .addArgument(folder())
    .option('--dry-run', 'only say which')
    .option('--json', 'print JSON, one segment a line')
    .addHelpText('after', '\nExample:\n  daystream compress /var/daystream')
    .action(compressAll);
  program.command('prune')
    .description('Removes old segments, but none that a published snapshot, a registered host or an open reader still needs; says what it keeps and why.')
    .addArgument(folder())
    .requiredOption('--keep <time>', 'so much before the last line of the log stays in any case: 12h, 7d, 4w')
    .option('--dry-run', 'only say what would go and what would stay')
    .option('--json', 'print JSON, one segment a line')
    .addHelpText('after', '\nExample:\n  daystream prune --keep 7d --dry-run /var/daystream')
    .action(pruneOld);
  const hosts = program.command('hosts')
    .description('Registers hosts that read the log, also while they are away: daystream prune keeps what they need.')
    .addHelpText('after', '\nExamples:\n  daystream hosts list /var/daystream\n  daystream hosts remove web1 /var/daystream');
  hosts.command('list').description('Who needs the log, and from where on.').addArgument(folder()).option('--json', 'print JSON, one host a line').action(list);
  hosts.command('add').description('Registers a host; deltamirror --register does it by itself.').argument('<name>', 'letters, digits, dots, dashes').addArgument(folder())
    .option('--position <clock:sequence>', 'where it stands; without it the host needs all there is')
    .action(add);
  hosts.command('remove').description('Forgets a host.').argument('<name>', 'the one it was registered by').addArgument(folder())
    .action(async (name: string, path: string) => (await import('../daystream/hosts.js')).removeHost(path, name));
}

async function compressAll(folder: string, { dryRun = false, json = false }: Given): Promise<void> {
  const { compress } = await import('./compress.js');
  let [count, before, after] = [0, 0, 0];
  for await (const each of compress(folder, dryRun)) {
    const { segment, plainBytes, bytes } = each;
    if (json) print(JSON.stringify(each));
    else print(bytes === undefined ? `${segment}: would be compressed, ${sizeText(plainBytes)}` : `${segment}: ${sizeText(plainBytes)} → ${sizeText(bytes)}`);
    count++;
    before += plainBytes;
    after += bytes ?? 0;
  }
  if (json) return;
  print(dryRun ? `would compress ${plural(count, 'segment')}, ${sizeText(before)}` : `compressed ${plural(count, 'segment')}${count === 0 ? '' : `: ${sizeText(before)} → ${sizeText(after)}`}`);
}

async function pruneOld(folder: string, { keep = '', dryRun = false, json = false }: Given): Promise<void> {
  const { prune } = await import('./prune.js');
  const { segments, lost } = await prune(folder, { keepMs: keepMsOf(keep), keep, dryRun });
  for (const each of segments) {
    if (json) print(JSON.stringify(each));
    else print(each.kept === undefined ? `${each.segment}: ${dryRun ? 'would be removed' : 'removed'}, ${sizeText(each.bytes)}` : `${each.segment}: kept, ${each.kept}`);
  }
  for (const name of lost) process.stderr.write(`daystream: host ${name} stands before the log's beginning: nothing is kept for it — deltamirror --bootstrap there, or: daystream hosts remove ${name} ${shellWord(folder)}\n`);
  if (json) return;
  const gone = segments.filter(({ kept }) => kept === undefined);
  print(`${dryRun ? 'would remove' : 'removed'} ${plural(gone.length, 'segment')}, ${sizeText(gone.reduce((sum, { bytes }) => sum + bytes, 0))}; ${plural(segments.length - gone.length, 'segment')} kept`);
}

async function list(folder: string, { json = false }: Given): Promise<void> {
  const { readHosts } = await import('../daystream/hosts.js');
  for (const { name, isReader, position, segment, at } of readHosts(folder)) {
    const from = position === undefined ? segment : formatPosition(position);
    if (json) print(JSON.stringify({ name, isReader, from: from ?? null, at: at.toISOString() }));
    else print(`${name}: ${isReader ? 'an open reader, ' : ''}${from === undefined ? 'needs all there is' : `needs the log from ${from} on`}, as of ${at.toISOString()}`);
  }
}

async function add(name: string, folder: string, { position }: { position?: string }): Promise<void> {
  const { writeHost } = await import('../daystream/hosts.js');
  const { requireFolder } = await import('../daystream/folder.js');
  requireFolder(folder);
  writeHost(folder, name, position === undefined ? {} : { position: parsePosition(position) });
}

function keepMsOf(text: string): number {
  const match = /^(\d{1,5})([hdw])$/.exec(text);
  const ms = match === null ? 0 : Number(match[1]) * UNITS_MS[match[2]];
  if (ms < KEEP_LEAST_MS) throw new DeltaError('usage', `--keep ${text}: is no time of an hour or more`, { hint: 'write it like 7d' });
  return ms;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
