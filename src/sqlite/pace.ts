/**
 * How a mirror's connection spends memory, how much of the log shares a commit, and how much
 * WAL there is before that is written into the cache. Behind, both are large where transactions
 * change the same pages again and again, each of which is then written once; where each changes
 * pages of its own they are small, and checkpoints go on beside. Caught up, checkpoints are
 * frequent and so short: what they write is what Postgres's own syncs may have to wait for.
 */
import { hasNative } from './native.js';
import type { Cache } from './open.js';

/**
 * Within 250 MB for the process in the largest transaction: so much is left beside what
 * else it takes then, which is more where TypeScript reads the lines. It is worth having:
 * a change of a page that is not held writes another one out of turn and reads this one.
 */
const PAGE_CACHE_KIB = { native: 136 << 10, ts: 64 << 10 } as const;
/** While it is caught up the WAL's file is cut back to this when it is used from its start again. */
export const WAL_KEPT_BYTES = 64 << 20;
/** Cutting it would only mean to make it anew. */
const WAL_AS_LARGE_AS_IT_IS = -1;

/** Frames of the WAL that are worth a checkpoint; `dense`: behind, where less is written than the log has. */
export const FRAMES = { behind: 40_960, dense: 2048, first: 40_960, caughtUp: 500 } as const;
/** Bytes of the log that share a commit while there is more to read; `first`: where it is not known yet what they change. */
export const BATCH_BYTES = { behind: 128 << 20, dense: 16 << 20, first: 1 << 19 } as const;

/** Settings for a mirror; gives the function to call where it falls behind or catches up. */
export function setPace(cache: Cache): (caughtUp: boolean) => void {
  cache.pragma(`cache_size = -${hasNative(cache) ? PAGE_CACHE_KIB.native : PAGE_CACHE_KIB.ts}`);
  let was: boolean | undefined;
  return (caughtUp) => {
    if (caughtUp === was) return;
    cache.pragma(`journal_size_limit = ${caughtUp ? WAL_KEPT_BYTES : WAL_AS_LARGE_AS_IT_IS}`);
    was = caughtUp;
  };
}
