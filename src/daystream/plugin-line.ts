/** The plugin's lines as the writer meets them, before they have a position (docs/format.md §3). */
import { DeltaError } from '../errors.js';
import { isLsn } from './lsn.js';

/** True where the line has the pairs that the writer reads: the others pass through unread. */
export function isWhole(fields: readonly string[]): boolean {
  switch (fields[1]) {
    case 'begin': return fields[2] === '_xid' && fields[4] === '_lsn' && isLsn(fields[5]);
    case 'commit': return fields[2] === '_xid' && /^\d+$/.test(fields[3]) && fields[4] === '_lsn' && isLsn(fields[5]) && fields[6] === '_rows' && /^\d+$/.test(fields[7]);
    case 'message': return fields[2] === '_lsn' && isLsn(fields[3]);
    default: return false;
  }
}

/** For a line that the plugin would not write here. */
export function notOurs(message: Buffer, start: number, end: number): DeltaError {
  return new DeltaError('log-damaged', `not what the plugin writes here: ${JSON.stringify(message.toString('utf8', start, Math.min(end, start + 80)))}`, {
    hint: 'read a slot whose plugin is deltastream',
  });
}
