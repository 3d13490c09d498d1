/** The folder of the log: made where there is none, and held by one writer. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { segmentOf } from '../daystream/file-names.js';
import { reconcileHint } from '../daystream/reconcile-hint.js';
import { isReconciling } from '../daystream/reconciling.js';
import { realFiles } from '../daystream/writer-files.js';
import { DeltaError, reasonOf } from '../errors.js';
import { lock, type Lock } from '../lock.js';
import type { StreamOptions } from './options.js';

/** Makes the folder where there is none, and takes it. Throws DeltaError `config` or `busy`. */
export function lockFolder(options: Pick<StreamOptions, 'out' | 'slot'>): Lock {
  try {
    // Its parent must exist: a mistyped path makes no tree of folders.
    if (!existsSync(options.out)) {
      mkdirSync(options.out);
      realFiles.syncFolder(dirname(resolve(options.out))); // P2: the folder's name is durable before anything in it is confirmed
    }
  } catch (cause) {
    throw new DeltaError('config', `${options.out}: ${reasonOf(cause)}`, { hint: 'give a folder that this user may write to with --out', cause });
  }
  return lock(join(options.out, '.lock'), `deltastream --slot ${options.slot}`);
}

/** True when the folder holds a log, or what is left of one: compressed segments are of it too. */
export function hasLog(folder: string): boolean {
  return readdirSync(folder).some((name) => segmentOf(name) !== undefined);
}

/** Throws DeltaError `slot` where a reconciliation of the log was killed: the slot may be the one that it made, and the log lacks what was to be written for it. */
export function requireReconciled({ out, slot }: Pick<StreamOptions, 'out' | 'slot'>): void {
  if (!isReconciling(out) || !hasLog(out)) return;
  throw new DeltaError('slot', `${out}: a reconciliation was begun and did not end: slot "${slot}" may be of another history than the log`, { hint: reconcileHint(slot, out) });
}
