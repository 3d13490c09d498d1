/**
 * How a mirror's connection spends memory and when it checkpoints. Behind, checkpoints
 * are rare, since a page that is changed again and again is then written to the file
 * once; caught up, they are frequent and so short that no commit waits long.
 */
import type { Cache } from './open.js';

const PAGE_CACHE_KIB = 64 << 10;
const BEHIND_PAGES = 32_768;
const CAUGHT_UP_PAGES = 1000;
/** The WAL file is cut back to this after it was larger. */
const WAL_KEPT_BYTES = 64 << 20;

/** Settings for a replay; gives the function to call where the mirror falls behind or catches up. */
export function paceReplay(cache: Cache): (caughtUp: boolean) => void {
  cache.pragma(`cache_size = -${PAGE_CACHE_KIB}`);
  cache.pragma(`journal_size_limit = ${WAL_KEPT_BYTES}`);
  let pages = 0;
  return (caughtUp) => {
    const wanted = caughtUp ? CAUGHT_UP_PAGES : BEHIND_PAGES;
    if (wanted === pages) return;
    cache.pragma(`wal_autocheckpoint = ${wanted}`);
    pages = wanted;
  };
}
