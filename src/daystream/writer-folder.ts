import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DeltaError, reasonOf } from '../errors.js';
import { Folder } from './folder.js';
import { sweepIndexes, writeIndex } from './index-file.js';
import { formatLsn, type Lsn } from './lsn.js';
import { reconcileHint } from './reconcile-hint.js';
import { findLogEnd, type LogEnd } from './recovery.js';
import { requireSameLog, type LogIdentity } from './segment.js';
import { TEMPORARY } from './segment-file.js';
import type { WriterFiles } from './writer-files.js';

/** Makes the folder, removes what a dead writer left half made, and finds the end of the log. */
export async function prepareFolder(directory: string, files: WriterFiles): Promise<LogEnd | undefined> {
  try {
    const made = mkdirSync(directory, { recursive: true });
    // P2: the names of the folders that were made are durable before anything in them is confirmed.
    if (made !== undefined) for (let path = directory; path.length >= made.length; path = dirname(path)) files.syncFolder(dirname(path));
    for (const name of readdirSync(directory)) {
      if (name.endsWith(`.daystream${TEMPORARY}`)) rmSync(join(directory, name));
    }
    sweepIndexes(directory);
    writeIndex(directory); // also of a log that was written before there were any
  } catch (error) {
    throw new DeltaError('config', `${directory}: ${reasonOf(error)}`, { hint: 'give a folder that you may write with --out', cause: error });
  }
  const folder = new Folder(directory);
  try {
    return await findLogEnd(folder);
  } finally {
    await folder.close();
  }
}

/** Throws DeltaError log-foreign where the log is another one's, log-damaged where it lacks what Postgres was told to forget before `startLsn`. */
export function requireResumable(directory: string, end: LogEnd, identity: LogIdentity, startLsn: Lsn): void {
  requireSameLog(directory, { ...end.header, timeline: end.timeline }, end.lsn, identity);
  if (end.size === end.place.offset || end.lsn >= startLsn) return;
  throw new DeltaError('log-damaged', `${directory}/${end.place.segment}:${end.place.offset}: cannot be read from here on, though Postgres was told that the log is durable up to ${formatLsn(startLsn)}`, {
    hint: `put a whole copy of the segment back; or ${reconcileHint(identity.slot, directory)}`,
  });
}
