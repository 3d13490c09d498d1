/**
 * Files that are filled beside a cache, to take its place when they are whole. Their names
 * say that they are none; whoever holds the cache's lock removes those of the dead.
 */
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { removeDatabase } from './publish.js';

/** The draft of this process for the cache at `path`. */
export function draftOf(path: string): string {
  return join(dirname(path), prefixOf(path) + process.pid);
}

/** The caller holds the cache's lock. */
export function removeDrafts(path: string): void {
  for (const name of readdirSync(dirname(path))) if (name.startsWith(prefixOf(path))) removeDatabase(join(dirname(path), name));
}

function prefixOf(path: string): string {
  return `.${basename(path)}.import-`;
}
