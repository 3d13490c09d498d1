/** `deltamirror wait`: its command line. */
import { count, durationMs, parsedBy, type command } from '../cli.js';
import { formatLsn, parseLsn, type Lsn } from '../daystream/lsn.js';
import { formatPosition, parsePosition, type Position } from '../daystream/position.js';
import { DeltaError } from '../errors.js';
import { cachePath } from '../sqlite/lock.js';
import { placeText, waitFor } from './wait.js';

const TIMEOUT_DEFAULT_MS = 10_000;
const EXIT_NOT_IN_TIME = 1;

interface Given {
  readonly lsn?: Lsn;
  readonly position?: Position;
  readonly epoch?: number;
  readonly timeline?: number;
  readonly timeout: number;
}

/** Adds the subcommand. */
export function addWait(program: ReturnType<typeof command>): void {
  program.command('wait')
    .description('until a cache has what was committed up to an LSN: exit code 0 when it has, 1 when the time is over')
    .argument('<cache>', 'the cache')
    .option('--lsn <lsn>', 'what pg_current_wal_insert_lsn() gave after the commit', parsedBy(parseLsn, '0/16B3748'))
    .option('--position <clock:sequence>', 'a position of the log', parsedBy(parsePosition, '1507507200:0'))
    .option('--epoch <n>', 'the LSN is of this epoch; default: of the one that the cache is in', parsedBy(epochNumber, '1760003600000000'))
    .option('--timeline <n>', 'the LSN is of this timeline; default: of the one that the cache is in', count)
    .option('--timeout <time>', 'how long at most (250ms, 2s)', durationMs, TIMEOUT_DEFAULT_MS)
    .addHelpText('after', `
Example:
  lsn=$(psql -XAtq -c "INSERT INTO flights VALUES (1)" -c "SELECT pg_current_wal_insert_lsn()")
  deltamirror wait cache.db --lsn "$lsn" --timeout 2s && sqlite3 cache.db 'SELECT * FROM flights'`)
    .action(async (given: string, { timeout, ...goal }: Given) => {
      if (goal.lsn === undefined && goal.position === undefined) throw new DeltaError('usage', '--lsn or --position: is missing', { hint: 'try: deltamirror wait --help' });
      const path = cachePath(given);
      const { reached, at } = await waitFor(path, goal, timeout);
      if (reached) return;
      const wanted = [...(goal.lsn === undefined ? [] : [formatLsn(goal.lsn)]), ...(goal.position === undefined ? [] : [formatPosition(goal.position)])].join(' and ');
      process.stderr.write(`deltamirror: ${path}: has not come to ${wanted} within ${timeout / 1000} s: it stands at ${placeText(at)} — see: deltamirror status ${path}\n`);
      process.exitCode = EXIT_NOT_IN_TIME;
    });
}

function epochNumber(text: string): number {
  const epoch = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(epoch)) throw new DeltaError('usage', `epoch "${text}" is malformed`);
  return epoch;
}
