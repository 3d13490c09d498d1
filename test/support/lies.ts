/** Readings of a log through a server that lies, in as few of them as there can be. */
import assert from 'node:assert/strict';
import { patiently } from '../../src/daystream/patience.js';
import type { Place } from '../../src/daystream/reader.js';
import { seekStart } from '../../src/daystream/seek.js';
import type { LieKind, LyingServer } from './lying.js';
import { overHttp, readOn } from './remote.js';
import { until } from './wait.js';

/** Lies of which only the chain tells: a reader that has found out goes back, and a second lie in the same block would lie to nobody. */
const ONLY_CHAIN: ReadonlySet<LieKind> = new Set(['twice', 'lost', 'flipped', 'foreign']);
/** These are told of a whole answer, whichever of its bytes they are told at. */
export const OF_ANSWERS: ReadonlySet<LieKind> = new Set(['elsewhere', 'foreign', 'shifted', 'whole', 'packed', 'packed range', 'nothing there', 'page', 'unavailable', 'unchanged']);
/** Behind these nothing more is asked for, since all of the file came, or comes each time: another lie needs another reader. */
const LAST: ReadonlySet<LieKind> = new Set(['whole', 'packed', 'packed range']);

export interface Lies {
  readonly places: readonly number[];
  readonly kindOf: (at: number) => LieKind;
  /** All transactions of the log, and the segment's size. */
  readonly expected: readonly string[];
  readonly end: number;
  readonly blockBytes: number;
}

/**
 * Reads a log again and again from its start to its end, until a lie was told at each of the places: the next one when
 * the one before was cured, and where that made all of the file come, to a reader that goes on from there as one that
 * was started again. Asserts of each reading that it gave what is expected. Gives the number of readings.
 */
export async function readThroughLies(server: LyingServer, lies: Lies): Promise<number> {
  let left = lies.places.toSorted((a, b) => a - b);
  let readings = 0;
  for (; left.length > 0; readings++) {
    const before = left.length;
    left = await readOnce(server, lies, left);
    assert.ok(left.length < before, 'lies are told');
    server.requests.length = 0;
  }
  return readings;
}

/** Gives the places that are left. */
async function readOnce(server: LyingServer, { kindOf, expected, end, blockBytes }: Lies, places: readonly number[]): Promise<number[]> {
  const later: number[] = [];
  const found: string[] = [];
  let next = 0;
  let last = -1;
  /** The next lie, at a byte that was not sent yet. */
  const arm = (from: number): void => {
    if (server.lie !== undefined) return;
    while (next < places.length && places[next] < from) later.push(places[next++]);
    if (next === places.length) return;
    last = places[next++];
    server.lie = { kind: kindOf(last), at: last };
  };
  const isLast = () => last !== -1 && LAST.has(kindOf(last));
  server.right = (range) => {
    if (last !== -1 && !isLast() && !ONLY_CHAIN.has(kindOf(last)) && last >= range.first && last <= range.last) arm(range.last + 1);
  };
  const isEnough = (offset: number): boolean => {
    if (server.lie !== undefined || offset <= last) return false;
    if (isLast()) return offset > last + blockBytes;
    arm(server.sent);
    return false;
  };
  for (let place: Place | undefined; place === undefined || place.offset < end;) {
    const log = overHttp(server.url);
    try {
      // On a busy machine the first answer may take longer than a stall may here.
      await until('the server answers', () => log.list().catch(() => false));
      server.sent = place?.offset ?? 0;
      last = -1;
      arm(server.sent);
      place = await readOn(log, place ?? await patiently(log, () => seekStart(log)), blockBytes, end, found, isEnough);
    } finally {
      await log.close();
    }
  }
  assert.ok(found.length === expected.length && found.every((each, i) => each === expected[i]), 'what was read is not what was written');
  if (server.lie !== undefined) later.push(server.lie.at);
  server.lie = undefined;
  return [...later, ...places.slice(next)].sort((a, b) => a - b);
}
