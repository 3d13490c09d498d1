import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { holderOf, lock, type Lock } from '../lock.js';

/** The path of the file itself, where `path` leads to it over symbolic links. */
export function cachePath(path: string): string {
  return existsSync(path) ? realpathSync(path) : join(existsSync(dirname(path)) ? realpathSync(dirname(path)) : resolve(dirname(path)), basename(path));
}

/**
 * One writer a cache, import or mirror. The lock is a file beside the cache, since
 * SQLite locks bytes of the cache itself. Throws DeltaError busy with who holds it.
 */
export function lockCache(path: string, holder: string): Lock {
  return lock(`${cachePath(path)}.lock`, holder);
}

/** The mirror or the import that has the cache now; undefined where none has. */
export function holderOfCache(path: string): string | undefined {
  return holderOf(`${cachePath(path)}.lock`);
}
