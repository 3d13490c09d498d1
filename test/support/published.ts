/** What tests of published snapshots share: bootstraps in this process, what a cache holds in every respect, and looks into snapshots. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Folder } from '../../src/daystream/folder.js';
import { parsePatterns } from '../../src/daystream/pattern.js';
import { snapshotsOf } from '../../src/daystream/snapshot-name.js';
import { DeltaError } from '../../src/errors.js';
import type { Asked } from '../../src/import/asked.js';
import { bootstrapCache, type BootstrapResult } from '../../src/import/bootstrap.js';
import type { Log } from '../../src/published/find.js';
import { openReader } from '../../src/sqlite/open.js';
import { cellsOf } from './cells.js';
import { NOTHING_ASKED } from './import.js';

export interface Bootstrapped extends BootstrapResult { readonly said: readonly string[] }

/** `deltaimport --bootstrap` in this process, from a folder or another log. */
export async function bootstrap(log: string | Log, cache: string, tables?: string, asked: Partial<Asked> = {}): Promise<Bootstrapped> {
  const said: string[] = [];
  const folder = typeof log === 'string' ? new Folder(log) : log;
  try {
    const progress = { say: (text: string) => { said.push(text); }, stop: () => {}, table: () => ({ at: () => {}, doing: () => {}, done: () => {} }) };
    const result = await bootstrapCache(folder, { cache, patterns: tables === undefined ? undefined : parsePatterns(tables), asked: { ...NOTHING_ASKED, ...asked } }, progress, new AbortController().signal);
    return { ...result, said };
  } finally {
    await folder.close();
  }
}

/** The same where it has to be refused. */
export async function refusedBootstrap(...args: Parameters<typeof bootstrap>): Promise<DeltaError> {
  try {
    await bootstrap(...args);
  } catch (error) {
    assert.ok(error instanceof DeltaError, error instanceof Error ? error.stack : String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'was not refused' });
}

/** The snapshots in a folder, the newest first. */
export function snapshotsIn(folder: string): string[] {
  return snapshotsOf(readdirSync(folder));
}

/** The SQLite file in a snapshot, as zcat gives it. */
export function plainOf(folder: string, name: string): Buffer {
  return gunzipSync(readFileSync(join(folder, name)));
}

/** All that a cache says of itself and holds, but for where it is in the log and when it was made. */
export function stateOf(cachePath: string): unknown {
  const cache = openReader(cachePath);
  try {
    const own = cache.prepare('SELECT schema, name, "table", oid, kind, identity, key, columns, pattern, choice, indexes, comments, state, reason FROM _daystream_tables ORDER BY oid').all();
    const objects = cache.prepare<[], { type: string; name: string; sql: string }>("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name").all();
    const patterns = cache.prepare('SELECT pattern, numeric FROM _daystream_patterns ORDER BY pattern').all();
    const rows = objects.filter(({ type, name }) => type === 'table' && !name.startsWith('_daystream')).map(({ name }) => [name, cellsOf(cachePath, name)]);
    return { own, objects, patterns, rows };
  } finally {
    cache.close();
  }
}
