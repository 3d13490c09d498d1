/** `deltaimport --bootstrap`: a cache out of the newest published snapshot of a log, without Postgres. */
import type { Pattern } from '../daystream/pattern.js';
import { formatPosition } from '../daystream/position.js';
import { plural, sizeText } from '../cli.js';
import { DeltaError } from '../errors.js';
import type { Progress } from '../load/progress.js';
import { draftFromNewest } from '../published/bootstrap.js';
import type { Log } from '../published/find.js';
import { syncFile } from '../sqlite/bulk.js';
import { openCache } from '../sqlite/open.js';
import { setProtection, wasProtected } from '../sqlite/protect.js';
import type { Asked } from './asked.js';
import { isWhole, narrowed, warningsOf } from './narrowed.js';
import { openTarget } from './target.js';

export interface BootstrapOptions {
  readonly cache: string;
  /** Undefined: the tables that the snapshot has. */
  readonly patterns: readonly Pattern[] | undefined;
  readonly asked: Asked;
}

export interface BootstrapResult {
  readonly cache: string;
  /** The snapshot's name, and when it was made: µs since 1970 UTC. */
  readonly snapshot: string;
  readonly publishedAtUs: number;
  /** Names of the tables in the cache. */
  readonly tables: readonly string[];
  readonly warnings: readonly string[];
  /** Where a mirror goes on, as `clock:sequence`. */
  readonly position: string;
  /** Of the SQLite file that was fetched. */
  readonly bytes: number;
  readonly seconds: number;
}

/** Makes or replaces a cache. Throws DeltaError; whatever goes wrong, an existing cache is as it was. */
export async function bootstrapCache(log: Log, { cache, patterns, asked }: BootstrapOptions, progress: Progress, signal: AbortSignal): Promise<BootstrapResult> {
  const started = performance.now();
  const target = openTarget(cache, false);
  let tables: readonly string[] = [];
  let warnings: readonly string[] = [];
  try {
    const { name, head } = await draftFromNewest(log, target.draft, (held, snapshot) => {
      const taken = isWhole(patterns, asked) && held.tables.every(({ quarantine }) => quarantine === undefined) ? undefined : narrowed(held, snapshot, patterns, asked, target.path);
      tables = (taken?.tables.map(({ to }) => to) ?? held.tables).map(({ table }) => table);
      warnings = taken?.warnings ?? held.tables.flatMap(warningsOf);
      return taken;
    }, {
      say: (text) => progress.say(text),
      came: (snapshot, bytes) => progress.say(`${snapshot.name}: ${sizeText(bytes)} of ${sizeText(snapshot.head.bytes)}`),
    }, signal);
    signal.throwIfAborted();
    if (wasProtected(target.path)) protect(target.draft);
    await target.publish(signal);
    return {
      cache: target.path, snapshot: name, publishedAtUs: head.publishedAtUs, tables, warnings,
      position: formatPosition(head.position), bytes: head.bytes, seconds: (performance.now() - started) / 1000,
    };
  } catch (error) {
    if (signal.aborted) throw new DeltaError('io', `${target.path}: was stopped; nothing was changed`, { hint: 'start it again when you like', cause: error });
    throw error;
  } finally {
    target.close();
  }
}

/** Others are kept from writing to the new cache as they were from the old one. */
function protect(path: string): void {
  const draft = openCache(path);
  try {
    setProtection(draft, true);
  } finally {
    draft.close();
  }
  syncFile(path);
}

/** The result for people; what follows is deltamirror's. */
export function bootstrapText({ cache, snapshot, tables, warnings, position, bytes, seconds }: BootstrapResult): string[] {
  return [
    ...warnings.map((warning) => `warning: ${warning}`),
    `${cache}: ${plural(tables.length, 'table')} from ${snapshot} (${sizeText(bytes)}) in ${seconds.toFixed(1)} s, at ${position}; go on with: deltamirror ${cache}`,
  ];
}
