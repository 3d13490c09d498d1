/** Which engine a test's cache is written by. */
import { dirname } from 'node:path';
import type { EngineName } from '../../src/sqlite/native.js';

const byFolder = new Map<string, string[]>();

/**
 * Native for a folder's first cache, TypeScript for its second, and so on: caches that a test compares are
 * of both. DELTAMIRROR_ENGINE decides for all.
 */
export function engineOf(cache: string): EngineName {
  const { DELTAMIRROR_ENGINE: asked } = process.env;
  if (asked === 'native' || asked === 'ts') return asked;
  const folder = dirname(cache);
  const caches = byFolder.get(folder) ?? [];
  byFolder.set(folder, caches);
  if (!caches.includes(cache)) caches.push(cache);
  return caches.indexOf(cache) % 2 === 0 ? 'native' : 'ts';
}
