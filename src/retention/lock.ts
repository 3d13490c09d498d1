import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DeltaError } from '../errors.js';
import { lock, type Lock } from '../lock.js';

/** One at a time changes which files a log has; the writer, which only adds the newest, is not asked. Throws DeltaError busy, log-missing. */
export function lockRetention(folder: string, holder: string): Lock {
  if (!existsSync(folder)) throw new DeltaError('log-missing', `${folder}: there is no such folder`, { hint: 'give the folder that deltastream --out writes' });
  return lock(join(folder, '.retention.lock'), holder);
}
