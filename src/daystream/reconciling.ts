/** The mark of a reconciliation that is under way: as long as it is there, a slot of the log's name may be of another history than the log. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { realFiles } from './writer-files.js';

const MARK_FILE = '.reconciling';

/** Durable when it returns, whatever happens to the slot then. The caller holds the folder. */
export function markReconciling(folder: string): void {
  realFiles.close(realFiles.open(join(folder, MARK_FILE)));
  realFiles.syncFolder(folder);
}

/** Once log and slot go together again, or there is no slot. */
export function unmarkReconciling(folder: string): void {
  rmSync(join(folder, MARK_FILE), { force: true });
  realFiles.syncFolder(folder);
}

export function isReconciling(folder: string): boolean {
  return existsSync(join(folder, MARK_FILE));
}
