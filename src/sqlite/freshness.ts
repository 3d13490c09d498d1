/**
 * How fresh a cache is, by what the mirror has left in it and by the clock. An idle
 * source and one that fell silent look alike but for the horizons, which come every 10 s
 * (docs/format.md §4): so nobody is called behind while nothing is written, and nobody
 * caught up while nothing is heard.
 */
import type { CachePosition } from './position.js';
import type { CacheTable } from './tables.js';

/** Two horizons were missed, and there was time for a third. */
export const SILENT_AFTER_SECONDS = 25;
/** A commit is news for so long. */
const IDLE_AFTER_SECONDS = 10;
const US = 1_000_000;

/**
 * `caught-up`: it has all that the source has said, and something was committed lately;
 * `idle`: it has all, and nothing was; `behind`: the log has more; `stalled`: no word of
 * the source has come for so long that something stands still; `stopped`: no mirror runs.
 */
export type State = 'caught-up' | 'idle' | 'behind' | 'stalled' | 'stopped';
export const RUNNING_STATES: readonly State[] = ['caught-up', 'idle', 'behind', 'stalled'];

export interface Freshness {
  readonly state: State;
  /** How old what the cache lacks may be: 0 while it has all of a source that is heard. Undefined where the log tells no times. */
  readonly lagSeconds: number | undefined;
  /** Since the newest word of the source that the cache has; undefined where the log tells no times. */
  readonly sourceAgeSeconds: number | undefined;
  readonly behindBytes: number;
  readonly bytesPerSecond: number;
  /** When it will have caught up at this rate; undefined where there is no rate, or nothing to catch up with. */
  readonly doneInSeconds: number | undefined;
}

/** What is known beside the cache. */
export interface Known {
  /** A mirror follows the log for it. */
  readonly isRunning: boolean;
  /** It has applied what it has not committed yet. */
  readonly isBusy?: boolean;
  /** Of the log behind the cache's place, where that is known better than the mirror knew it at its last commit. */
  readonly behindBytes?: number;
}

export function freshnessOf(at: CachePosition, nowUs: number, { isRunning, isBusy = false, behindBytes = at.behindBytes }: Known): Freshness {
  // A log in the original format says no time but that of its positions, and has no horizons to be missed.
  const isOriginal = at.slot === '';
  const saidUs = isOriginal ? at.position.clock * US : at.sourceTimeUs;
  const age = saidUs === 0 ? undefined : Math.max(0, (nowUs - saidUs) / US);
  const isSilent = !isOriginal && age !== undefined && age > SILENT_AFTER_SECONDS;
  const state = stateOf(at, nowUs, { isRunning, isSilent, isBehind: behindBytes > 0 || (isBusy && isSilent) });
  const { bytesPerSecond } = at;
  return {
    state,
    lagSeconds: state === 'caught-up' || state === 'idle' ? 0 : age,
    sourceAgeSeconds: age,
    behindBytes,
    bytesPerSecond,
    doneInSeconds: state === 'behind' && bytesPerSecond > 0 ? behindBytes / bytesPerSecond : undefined,
  };
}

function stateOf(at: CachePosition, nowUs: number, { isRunning, isSilent, isBehind }: { readonly isRunning: boolean; readonly isSilent: boolean; readonly isBehind: boolean }): State {
  if (!isRunning) return 'stopped';
  if (isBehind) return 'behind';
  if (isSilent) return 'stalled';
  return nowUs - Math.max(at.commitTimeUs, at.position.clock * US * Number(at.slot === '')) > IDLE_AFTER_SECONDS * US ? 'idle' : 'caught-up';
}

/** How many tables are in which state. Of a table that stands still the cache's freshness says nothing. */
export function tableStates(tables: readonly CacheTable[]): Record<'following' | 'joining' | 'waiting' | 'quarantined', number> {
  const states = { following: 0, joining: 0, waiting: 0, quarantined: 0 };
  for (const { quarantine, waiting, joining } of tables) {
    if (quarantine !== undefined) states.quarantined++;
    else if (waiting !== undefined) states.waiting++;
    else if (joining !== undefined) states.joining++;
    else states.following++;
  }
  return states;
}
