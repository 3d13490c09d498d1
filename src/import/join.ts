/**
 * Where a copy joins the log: behind the newest horizon H whose snapshot is contained in
 * the copy's snapshot S. All above H is in the copy; what follows H and is visible in S
 * is skipped by the mirror (docs/format.md §4).
 */
import { DeltaError } from '../errors.js';
import { readOpenLine } from '../daystream/backward.js';
import { horizonsBackward, type Horizon } from '../daystream/horizons.js';
import type { Lsn } from '../daystream/lsn.js';
import { comparePositions, formatPosition, type Position } from '../daystream/position.js';
import { decodeHeader, type SegmentHeader } from '../daystream/segment.js';
import { contains, parseSnapshot } from '../daystream/snapshot.js';
import type { Transport } from '../daystream/transport.js';

const HORIZON_TIMEOUT_MS = 30_000;
const POLL_MS = 1_000;

/** Where a cache stands that gets tables: every commit whose record is before `lsn` is in it. */
export interface Earliest {
  readonly position: Position;
  readonly lsn: Lsn;
}

export interface Join {
  readonly horizon: Horizon;
  /** Of the segment that holds the horizon. */
  readonly header: SegmentHeader;
}

/** The newest place, no earlier than `earliest`, where a copy at `snapshot` can join; undefined where the log has none yet. */
export async function findJoin(transport: Transport, earliest: Earliest | undefined, snapshot: string): Promise<Join | undefined> {
  const seen = parseSnapshot(snapshot);
  return newestJoin(transport, earliest, (snapshot) => snapshot !== undefined && contains(seen, parseSnapshot(snapshot)));
}

/** By which names the log has rows of partitions, as far as it tells yet. */
export async function newestPartitions(transport: Transport): Promise<Horizon['partitions']> {
  if ((await segmentsYet(transport)).length === 0) return 'root';
  for await (const { partitions } of horizonsBackward(transport)) return partitions;
  return 'root';
}

/**
 * Waits until the log has a horizon with a snapshot, or with `anyHorizon` whatever one, so that a copy can
 * be worth its while; calls `waiting` once when it has to. Gives the system that the log is of.
 */
export async function awaitHorizon(transport: Transport, earliest: Earliest | undefined, anyHorizon: boolean, waiting: (why: string) => void, signal: AbortSignal): Promise<Join> {
  const deadline = Date.now() + HORIZON_TIMEOUT_MS;
  for (let told = false; ; told = true) {
    const segments = await segmentsYet(transport);
    const join = segments.length === 0 ? undefined : await newestJoin(transport, earliest, (snapshot) => anyHorizon || snapshot !== undefined);
    if (join !== undefined) return join;
    signal.throwIfAborted();
    const why = segments.length === 0 ? 'holds no daystream yet' : `has no horizon${anyHorizon ? '' : ' with a snapshot'}${earliest === undefined ? '' : ` behind ${formatPosition(earliest.position)}, where the cache stands,`} yet`;
    if (Date.now() > deadline) {
      throw new DeltaError('log-missing', `${transport.place}: ${why}`, {
        hint: 'is deltastream running, with --out on this folder? it writes a horizon every 10 s',
      });
    }
    if (!told) waiting(`${transport.place} ${why}: waiting up to ${HORIZON_TIMEOUT_MS / 1000} s`);
    await transport.changed(segments.at(-1), POLL_MS, signal);
  }
}

/** None where even the folder is not there yet: whoever starts both programs at once should not have to mind the order. */
async function segmentsYet(transport: Transport): Promise<string[]> {
  try {
    return await transport.list();
  } catch (error) {
    if (error instanceof DeltaError && error.code === 'log-missing') return [];
    throw error;
  }
}

async function newestJoin(transport: Transport, earliest: Earliest | undefined, accepts: (snapshot: string | undefined) => boolean): Promise<Join | undefined> {
  for await (const horizon of horizonsBackward(transport)) {
    // After a power loss a later horizon may stand above transactions that the cache has and the log has yet to get again.
    if (earliest !== undefined && (comparePositions(horizon.position, earliest.position) < 0 || horizon.lsn < earliest.lsn)) return undefined;
    if (!accepts(horizon.snapshot)) continue;
    const header = await headerOf(transport, horizon.segment);
    // What a horizon of another history says of transactions means nothing to this server's snapshots.
    return header.epoch === (await headerOf(transport, (await transport.list()).at(-1)!)).epoch ? { horizon, header } : undefined;
  }
  return undefined;
}

export async function headerOf(transport: Transport, segment: string): Promise<SegmentHeader> {
  return decodeHeader((await readOpenLine(transport, segment)).line);
}
