/** Which published snapshot a host can begin with: the newest that is whole and of the log that it follows. */
import { patiently } from '../daystream/patience.js';
import { comparePositions, formatPosition, type Position } from '../daystream/position.js';
import { findExact, headerOf } from '../daystream/resume.js';
import { segmentsOf, startOf } from '../daystream/seek.js';
import { SeekableReader, type Compressed } from '../daystream/seekable-reader.js';
import { snapshotsOf } from '../daystream/snapshot-name.js';
import type { Transport } from '../daystream/transport.js';
import { DeltaError } from '../errors.js';
import { decodeHead, type SnapshotHead } from './head.js';

/** A log with the files that stand beside its segments. */
export interface Log extends Transport {
  /** Names of all its files. */
  files(): Promise<string[]>;
  file(name: string): Compressed;
}

export interface Snapshot {
  readonly name: string;
  /** For messages. */
  readonly place: string;
  readonly head: SnapshotHead;
  readonly reader: SeekableReader;
}

/** What does not pass for a snapshot of this log, or for this host; another one may. */
export class PassedOver extends Error {
  /** `hint`: what to type where no other one does. */
  constructor(message: string, readonly hint?: string) {
    super(message);
  }
}

/**
 * Gives the newest snapshot to `use`; where it is damaged, or not of this log, `say` is told and the one before it is
 * tried. Throws DeltaError: log-missing where none is left, and what `use` throws but for log-damaged and PassedOver.
 */
export async function withNewest<T>(log: Log, say: (text: string) => void, use: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  const tried: { readonly reason: string; readonly hint: string | undefined }[] = [];
  for (const name of snapshotsOf(await log.files())) {
    const place = `${log.place}/${name}`;
    try {
      return await use(await patiently(log, () => proven(log, name, place)));
    } catch (error) {
      const reason = passedOver(error, place);
      if (reason === undefined) throw error;
      log.reset();
      tried.push({ reason, hint: error instanceof PassedOver ? error.hint : undefined });
      say(`${reason}; trying the one before it`);
    }
  }
  const [newest] = tried;
  throw new DeltaError('log-missing', newest === undefined ? `${log.place}: holds no published snapshot` : `${log.place}: no published snapshot there can be used; the newest: ${newest.reason}`, {
    hint: newest?.hint ?? `on a host that follows this log: deltamirror publish cache.db --to that folder; or copy the tables from Postgres with deltaimport, without --bootstrap`,
  });
}

/** A snapshot whose head is whole, and that was taken at a place of this very log. No row of it is looked at before. */
async function proven(log: Log, name: string, place: string): Promise<Snapshot> {
  const reader = await SeekableReader.open(log.file(name));
  const head = decodeHead(reader.head);
  if (typeof head === 'string') throw new PassedOver(`${place}: ${head}`);
  const reason = await whyForeign(log, head);
  // Not PassedOver: the bytes that tell it may be somebody else's, as behind a captive page, and are read again.
  if (reason !== undefined) throw new DeltaError('log-missing', `${place}: ${reason}`);
  return { name, place, head, reader };
}

/** Why the log is not the one that a snapshot was taken of, or does not go on from it; undefined where it is and does. */
export async function whyForeign(log: Log, head: SnapshotHead): Promise<string | undefined> {
  const segments = await segmentsOf(log);
  const found = await findExact(log, segments, head);
  const at = formatPosition(head.position);
  if (found === undefined) {
    return await isBehind(log, head.position) ? `was taken at ${at}, and the log no longer reaches back to there` : `was taken at ${at}, where this log has no line of its checksum: it is of another log, or of one that has come further`;
  }
  const { epoch, system, slot } = await headerOf(log, found.segment);
  // At a segment's end the next one may be of another epoch; then the chain tells that it follows.
  if (epoch === head.epoch ? system !== head.system || slot !== head.slot : found.offset > 0) return `is of slot ${head.slot} of system ${head.system}, epoch ${head.epoch}; this log has another there`;
  return undefined;
}

/** True where the log begins behind this position: what stood between is gone. */
export async function isBehind(log: Transport, position: Position): Promise<boolean> {
  const [oldest] = await segmentsOf(log);
  return comparePositions((await startOf(log, oldest)).position, position) > 0;
}

/** Why another snapshot is to be tried; undefined for an error that another one would not be without. */
function passedOver(error: unknown, place: string): string | undefined {
  if (error instanceof PassedOver) return error.message;
  if (!(error instanceof DeltaError) || !error.message.includes(place)) return undefined;
  // Whoever publishes removes the oldest: it may go while it is read.
  return error.code === 'log-damaged' || error.code === 'log-missing' ? error.message : undefined;
}
