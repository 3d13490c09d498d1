/** What tests of the mirror share: a cache and a log side by side, and logs written line by line. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import Database from 'better-sqlite3';
import type { CopyPart } from '../../src/daystream/copy-part.js';
import { formatLsn } from '../../src/daystream/lsn.js';
import type { EngineName } from '../../src/sqlite/native.js';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { keyedTable, makeCache, query, runMirror } from './cache.js';
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

/** The same, with `~` for each space within a value, and `s.t` for the table t of schema s. */
export function spaced(xid: number, lines: readonly string[]): Buffer {
  return Buffer.from(transaction(xid, lines).toString().replaceAll(/_table\t(\w+)\./g, '_schema\t$1\t_table\t').replaceAll('~', ' '));
}

/** `schema` or `create` of a table with an integer key `id`. */
export function shape(table: string, oid: number, columns: string, action = 'schema', key = '1'): string {
  return `${table} ${action} _oid ${oid} _identity default _key ${key} id 1~notnull~integer ${columns}`.trimEnd();
}

/** A part of copy 7 of table 1, each line with its `_table` and `_action`; `snapshot`: part 0. */
export function part(number: number, lines: readonly string[], more: Partial<CopyPart> = {}): CopyPart {
  const rows = lines.filter((line) => line.includes(' insert ')).length;
  return { id: '7', oid: 1, to: undefined, part: number, body: tabbed(lines), rows, isLast: false, ...more };
}

/** The lines of a copy's part. */
export const tabbed = (lines: readonly string[]) => Buffer.from(lines.map((line) => `${line.replaceAll(' ', '\t').replaceAll('~', ' ')}\n`).join(''));

/** A transaction by its xid and its lines, or a part of a copy. */
export type Step = readonly [xid: number, ...lines: string[]] | CopyPart;

export interface PlayOptions {
  readonly keepDropped?: boolean;
  readonly engine?: EngineName;
  /** SQL for the cache before the mirror runs. */
  readonly before?: string;
  /** What the import of the cache saw. */
  readonly snapshot?: string;
}

/** The cache of these tables after a log of these steps. */
export async function play(t: TestContext, tables: readonly CacheTable[], steps: readonly Step[], options: PlayOptions = {}) {
  const paths = bench(t, tables, options.snapshot ?? null);
  const cache = new Database(paths.cache);
  cache.exec(options.before ?? '');
  cache.close();
  const writer = await openWriter(paths.log, { clock: () => T0 });
  for (const step of steps) {
    if ('body' in step) assert.ok(writer.copy(step));
    else writer.append(spaced(step[0], step.slice(1) as string[]));
  }
  await writer.sync();
  writer.close();
  const { said, applier } = await runMirror(paths.cache, paths.log, { keepDropped: options.keepDropped, engine: options.engine });
  return { ...paths, applier, said: said.join(''), states: query(paths.cache, 'SELECT schema, name, "table", state, reason FROM _daystream_tables ORDER BY schema, name') };
}

/** All of a table, by its first column. */
export const rowsOf = (cache: string, table: string) => query(cache, `SELECT * FROM "${table}" ORDER BY 1`);

/** Writes these transactions behind what the log has, all of them in one second. */
export async function writeLog(path: string, ...transactions: Buffer[]): Promise<void> {
  const writer = await openWriter(path, { clock: () => T0 });
  for (const each of transactions) writer.append(each);
  await writer.sync();
  writer.close();
}

/** The ids of a cache's rows, in order. */
export const ids = (cache: string, table = 't') => query(cache, `SELECT id FROM ${table} ORDER BY id`).map(({ id }) => id);
