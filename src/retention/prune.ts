/** Removes old segments that nobody needs any more. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readOpenLine } from '../daystream/backward.js';
import { compressedName } from '../daystream/file-names.js';
import { Folder } from '../daystream/folder.js';
import { readHosts } from '../daystream/hosts.js';
import { writeIndex } from '../daystream/index-file.js';
import { isOriginal } from '../daystream/original.js';
import { comparePositions, type Position } from '../daystream/position.js';
import { findLogEnd } from '../daystream/recovery.js';
import { segmentsOf } from '../daystream/seek.js';
import { decodeHeader } from '../daystream/segment.js';
import { snapshotPosition, snapshotsOf } from '../daystream/snapshot-name.js';
import type { Transport } from '../daystream/transport.js';
import { realFiles } from '../daystream/writer-files.js';
import { DeltaError } from '../errors.js';
import { lockRetention } from './lock.js';
import { plan, type Decision, type Held, type Need } from './plan.js';

export interface Pruned extends Decision {
  /** On the disk, of both files where it is there plain and compressed. */
  readonly bytes: number;
}

export interface PruneOptions {
  /** Milliseconds before the log's last line: what is younger stays. */
  readonly keepMs: number;
  /** The same as it was written. */
  readonly keep: string;
  readonly dryRun: boolean;
}

/** What goes and what stays, the oldest first; and whoever needs what is gone already. Throws DeltaError. */
export interface Pruning {
  readonly segments: readonly Pruned[];
  readonly lost: readonly string[];
}

/**
 * The age is measured from the log's last line, not from now: a log that is not written loses
 * nothing, and what Postgres may send again after a restart stays. Who needs what is asked again
 * before each segment goes.
 */
export async function prune(folder: string, options: PruneOptions): Promise<Pruning> {
  const held = lockRetention(folder, 'daystream prune');
  const log = new Folder(folder);
  try {
    const { segments, start, end } = await survey(log);
    const decide = () => plan(segments, needsIn(folder, start), end.clock - options.keepMs / 1000, `younger than ${options.keep}`);
    const decisions = decide();
    const pruned = decisions.map((decision) => ({ ...decision, bytes: filesOf(folder, decision.segment).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0) }));
    const removed = options.dryRun ? undefined : remove(folder, decisions, decide);
    const lost = readHosts(folder).filter(({ position }) => isLost(position, start)).map(({ name }) => name);
    return { segments: pruned.map((each) => (each.kept !== undefined || removed?.has(each.segment) !== false ? each : { ...each, kept: 'needed since a moment ago' })), lost };
  } finally {
    await log.close();
    held.release();
  }
}

/** Gives the segments that went. */
function remove(folder: string, decisions: readonly Decision[], decide: () => Decision[]): Set<string> {
  const removed = new Set<string>();
  for (const { segment, kept } of decisions) {
    // A host may have been registered, or a snapshot been published, since.
    if (kept !== undefined || decide().find((each) => each.segment === segment)?.kept !== undefined) break;
    for (const name of filesOf(folder, segment)) rmSync(join(folder, name));
    realFiles.syncFolder(folder); // the oldest first, also through a power loss: a log has no holes
    removed.add(segment);
  }
  writeIndex(folder); // also where the run before was killed in between
  return removed;
}

interface Survey { readonly segments: readonly Held[]; readonly start: Position; readonly end: Position }

/** The segments with their ends, which the open line behind each names, and where the log begins and ends. */
async function survey(log: Transport): Promise<Survey> {
  const names = await segmentsOf(log);
  if (await isOriginal(log, names[0])) throw new DeltaError('config', `${log.place}: is in the original format, which does not tell where its segments end`, { hint: 'remove old segments by hand' });
  const previous: Position[] = [];
  for (const name of names) previous.push(decodeHeader((await readOpenLine(log, name)).line).previous);
  const end = await findLogEnd(log);
  return { segments: names.map((segment, i) => ({ segment, end: previous[i + 1] })), start: previous[0], end: end!.place.position };
}

/** All who need something that is there. One that needs what is gone already is helped by nothing that stays. */
function needsIn(folder: string, start: Position): Need[] {
  const hosts = readHosts(folder).map(({ name, isReader, position, segment }) => ({ who: isReader ? `the open reader ${name}` : `host ${name}`, position, segment }));
  const snapshots = snapshotsOf(readdirSync(folder)).map((name) => ({ who: `the published snapshot ${name}`, position: snapshotPosition(name), segment: undefined }));
  return [...hosts, ...snapshots].filter(({ position }) => !isLost(position, start));
}

function isLost(position: Position | undefined, start: Position): boolean {
  return position !== undefined && comparePositions(position, start) < 0;
}

function filesOf(folder: string, segment: string): string[] {
  const names = new Set(readdirSync(folder));
  return [segment, compressedName(segment)].filter((name) => names.has(name));
}
