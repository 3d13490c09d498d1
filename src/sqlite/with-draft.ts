/** A draft that is whole goes into a cache that is there, in one transaction: a reader sees the cache as it was, or with all that is new. */
import type { Lost } from './lost.js';
import { guarded, openCache, type Cache } from './open.js';
import { isProtected, renewProtection } from './protect.js';
import { Watch } from './watch.js';

/**
 * Does `work` on the cache at `path`, with the draft attached as `draft`. The caller holds the cache's lock. Gives what
 * of an application's objects could not be kept: what `work` adds to `lost`, and what is found to be gone behind it.
 * Protection stays as it was. Throws DeltaError; the cache is then as it was.
 */
export function withDraft(path: string, draft: string, work: (cache: Cache, lost: Lost[]) => void): Lost[] {
  const cache = openCache(path);
  try {
    return guarded(path, () => {
      cache.prepare('ATTACH ? AS draft').run(draft);
      const lost = cache.transaction(() => {
        const watch = new Watch(cache);
        const wasProtected = isProtected(cache);
        const losses: Lost[] = [];
        work(cache, losses);
        cache.prepare('UPDATE main._daystream_position SET protect = ?').run(Number(wasProtected));
        renewProtection(cache, wasProtected);
        return [...losses, ...watch.losses()];
      }).immediate();
      cache.exec('DETACH draft');
      return lost;
    });
  } finally {
    cache.close();
  }
}
