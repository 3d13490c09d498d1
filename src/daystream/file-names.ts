/** Which files of a log's folder are of the log: segments, plain and compressed, and published snapshots. */
import { isSegmentName } from './segment.js';
import { isSnapshotName } from './snapshot-name.js';

const COMPRESSED = '.gz';

/** What a compressed segment is called. */
export function compressedName(segment: string): string {
  return segment + COMPRESSED;
}

/** The segment that a file holds, plain or compressed; undefined where it is something else. */
export function segmentOf(name: string): string | undefined {
  const segment = name.endsWith(COMPRESSED) ? name.slice(0, -COMPRESSED.length) : name;
  return isSegmentName(segment) ? segment : undefined;
}

/** True for what a reader of the folder may ask for by name. */
export function isLogFile(name: string): boolean {
  return segmentOf(name) !== undefined || isSnapshotName(name);
}
