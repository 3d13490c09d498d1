/** What tests of the mirror share: a cache and a log side by side, and logs written line by line. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { formatLsn } from '../../src/daystream/lsn.js';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { keyedTable, makeCache, query } from './cache.js';
import { temporaryFolder } from './folder.js';
import { openWriter } from './log.js';

/** The clock of a log that `writeLog` writes: 2025-10-09, 08:53:20 UTC. */
export const T0 = 1_760_000_000;
export const DAY = 86_400;

export interface Bench { folder: string; log: string; cache: string }

/** An empty cache of these tables, and the place for its log. */
export function bench(t: TestContext, tables: readonly CacheTable[] = [keyedTable('t')], snapshot: string | null = null): Bench {
  const folder = temporaryFolder(t);
  const paths = { folder, log: join(folder, 'log'), cache: join(folder, 'cache.db') };
  makeCache(paths.cache, paths.log, tables, snapshot);
  return paths;
}

/** A transaction of given lines, each `table action col val …` with spaces for tabs. */
export function transaction(xid: number, lines: readonly string[]): Buffer {
  const lsn = BigInt(xid) * 0x1000n;
  return Buffer.from([
    `_action\tbegin\t_xid\t${xid}\t_lsn\t${formatLsn(lsn)}\t_ts\t1760000000000000`,
    ...lines.map((line) => {
      const [table, action, ...columns] = line.split(' ');
      return [`_table\t${table}\t_xid\t${xid}\t_action\t${action}`, ...columns].join('\t');
    }),
    `_action\tcommit\t_xid\t${xid}\t_lsn\t${formatLsn(lsn + 48n)}\t_rows\t${lines.length}`,
  ].join('\n'));
}

/** Writes these transactions behind what the log has, all of them in one second. */
export async function writeLog(path: string, ...transactions: Buffer[]): Promise<void> {
  const writer = await openWriter(path, { clock: () => T0 });
  for (const each of transactions) writer.append(each);
  await writer.sync();
  writer.close();
}

/** The ids of a cache's rows, in order. */
export const ids = (cache: string, table = 't') => query(cache, `SELECT id FROM ${table} ORDER BY id`).map(({ id }) => id);
