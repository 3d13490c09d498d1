/**
 * The file an import makes, and the draft it fills beside it. The target is touched only
 * when the draft is whole, so an interruption leaves it as it was; the draft's name says
 * that it is none, and the next import removes it.
 */
import { accessSync, constants } from 'node:fs';
import { basename, dirname } from 'node:path';
import { DeltaError, reasonOf } from '../errors.js';
import { draftOf, removeDrafts } from '../sqlite/drafts.js';
import { readKind } from '../sqlite/header.js';
import { cachePath, lockCache } from '../sqlite/lock.js';
import { requireCache } from '../sqlite/open.js';
import { publish } from '../sqlite/publish.js';

export interface Target {
  /** The cache to be. */
  readonly path: string;
  readonly draft: string;
  /** Puts the whole draft in the cache's place. */
  publish(signal: AbortSignal): Promise<void>;
  /** Removes the draft, if it is still there, and lets go of the cache. */
  close(): void;
}

/** Gives the path of the cache to be; with `into` there has to be one. Throws DeltaError usage, cache (the file there is not ours) or config (the folder); leaves no trace. */
export function checkTarget(given: string, into: boolean): string {
  if (given !== given.trim() || basename(given) === '') throw new DeltaError('usage', `cache.db: "${given}" is no file name for a cache`, { hint: 'name a file without blanks around it' });
  const path = cachePath(given);
  const folder = dirname(path);
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new DeltaError('config', `${folder}: cannot write there: ${reasonOf(cause)}`, { hint: 'give a file in a folder that exists and that this user may write to', cause });
  }
  const kind = readKind(path);
  if (into || (kind !== 'missing' && kind !== 'older')) requireCache(path);
  return path;
}

/** Takes the cache for this process. Throws DeltaError busy (a mirror or another import has it) and what checkTarget does. */
export function openTarget(given: string, into: boolean): Target {
  const path = checkTarget(given, into);
  const held = lockCache(path, `deltaimport ${path}`);
  removeDrafts(path);
  const draft = draftOf(path);
  return {
    path,
    draft,
    publish: (signal) => publish(draft, path, signal),
    close: () => {
      removeDrafts(path);
      held.release();
    },
  };
}
