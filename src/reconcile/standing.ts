/** The cache that knows what the log says: brought to the log's end by the mirror itself, and fit to be compared with. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { programOf } from '../cli.js';
import { formatLsn, maxLsn } from '../daystream/lsn.js';
import { comparePositions, formatPosition } from '../daystream/position.js';
import type { LogEnd } from '../daystream/recovery.js';
import { DeltaError, shellWord } from '../errors.js';
import { openCache, requireCache, type Cache } from '../sqlite/open.js';
import { readPosition } from '../sqlite/position.js';
import { readTables, type CacheTable } from '../sqlite/tables.js';

/** What the log says at its end. */
export interface Standing {
  readonly path: string;
  /** Tables of which it has all rows, exactly. */
  readonly whole: readonly CacheTable[];
  /** Of all others, why not. */
  readonly out: readonly { readonly table: CacheTable; readonly why: string }[];
}

/** Runs `deltamirror --once` on the cache, as a process of its own. Throws DeltaError cache where it fails. */
export async function bringToEnd(path: string, log: string, tell: (text: string) => void, signal: AbortSignal): Promise<void> {
  requireCache(path);
  tell(`${path}: is brought to the end of the log`);
  const child = spawn(process.execPath, [programOf('deltamirror'), '--once', '--source', log, path], { stdio: ['ignore', 'ignore', 'pipe'], signal });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(-KEPT_CHARACTERS); });
  const [status] = (await once(child, 'close')) as [number | null];
  if (status === 0) return;
  const last = said.trimEnd().split('\n').at(-1) ?? '';
  throw new DeltaError('cache', `${path}: cannot be brought to the end of the log: ${last.replace(/^deltamirror: /, '')}`, { hint: 'give a cache that followed this log; or leave out --cache, and every table is copied through the log' });
}

const KEPT_CHARACTERS = 8192;

/** Reads what the cache holds. Throws DeltaError cache where it does not stand at the log's end, or does not hold whole tables exactly. */
export function readStanding(path: string, end: LogEnd): Standing {
  const cache = openCache(path);
  try {
    requireAtEnd(path, cache, end);
    const tables = readTables(cache);
    for (const { schema, name, choice } of tables) {
      const chosen = Object.entries({ '--where': choice.where, '--columns': choice.columns, '--numeric real': choice.numeric === 'real' || undefined }).find(([, value]) => value !== undefined);
      if (chosen === undefined) continue;
      throw new DeltaError('cache', `${path}: was imported with ${chosen[0]} for ${schema}.${name}, so it does not hold all that the log says`, {
        hint: 'keep a cache of whole tables for this: deltaimport --tables … --source … FILE; or leave out --cache, and every table is copied through the log',
      });
    }
    const judged = tables.map((table) => ({ table, why: whyNot(table) }));
    return {
      path,
      whole: judged.flatMap(({ table, why }) => (why === undefined ? [table] : [])),
      out: judged.flatMap(({ table, why }) => (why === undefined ? [] : [{ table, why }])),
    };
  } finally {
    cache.close();
  }
}

function requireAtEnd(path: string, cache: Cache, { place, lsn, timestampUs }: LogEnd): void {
  const at = readPosition(cache);
  if (at === undefined || comparePositions(at.position, place.position) !== 0 || at.crc !== place.crc) {
    throw new DeltaError('cache', `${path}: stands at ${formatPosition(at?.position ?? { clock: 0, sequence: 0 })}, the log ends at ${formatPosition(place.position)}`, { hint: `deltamirror --once ${shellWord(path)}` });
  }
  const ahead = maxLsn(at.lsn, at.snapshotLsn ?? 0n);
  // After a restore, LSNs and xids of the new history pass for those of the log; only a copy that the log outlived is of its history.
  const importedAtUs = BigInt(at.importedAtUs ?? 0);
  if (ahead <= lsn && importedAtUs > timestampUs) {
    throw new DeltaError('cache', `${path}: was copied from Postgres at ${timeOf(importedAtUs)}, and the newest line of the log is of ${timeOf(timestampUs)}: it may have what the log lacks`, {
      hint: 'give a cache that is older; or leave out --cache, and every table is copied through the log',
    });
  }
  if (ahead <= lsn) return;
  throw new DeltaError('cache', `${path}: was copied from Postgres at ${formatLsn(ahead)}, and the log ends at ${formatLsn(lsn)}: it has what the log lacks`, {
    hint: 'give a cache that is older; or leave out --cache, and every table is copied through the log',
  });
}

function timeOf(us: bigint): string {
  return new Date(Number(us / 1000n)).toISOString();
}

function whyNot({ quarantine, waiting, joining }: CacheTable): string | undefined {
  if (quarantine !== undefined) return `the cache does not follow it: ${quarantine.reason}`;
  if (waiting !== undefined) return 'it waits for a copy';
  return joining === undefined ? undefined : 'its copy is ahead of the log';
}
