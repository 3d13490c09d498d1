/** The folder of the log: made where there is none, and held by one writer. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
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
