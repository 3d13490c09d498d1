/** Epochs written by the real writer, with the lines that reconcile would give. */
import { EpochWriter } from '../../src/daystream/epoch-writer.js';
import { Folder } from '../../src/daystream/folder.js';
import { EVERYTHING } from '../../src/daystream/following.js';
import type { Lsn } from '../../src/daystream/lsn.js';
import { findLogEnd } from '../../src/daystream/recovery.js';
import type { LogIdentity } from '../../src/daystream/segment.js';
import { Writer } from '../../src/daystream/writer.js';
import { IDENTITY } from './log.js';

/** The server that comes after. */
export const OTHER_IDENTITY: LogIdentity = { ...IDENTITY, system: '7400000000000000002', timeline: 1 };

export interface GivenEpoch {
  /** Lines with spaces for tabs, without positions. */
  readonly heads?: readonly string[];
  readonly rows?: readonly string[];
  readonly reload?: readonly number[];
  readonly offer?: readonly number[];
  readonly lsn?: Lsn;
  readonly identity?: LogIdentity;
}

/** Appends an epoch to the log; gives its number. */
export async function writeEpoch(log: string, { heads = [], rows = [], reload = [], offer = [], lsn = 0x100n, identity = OTHER_IDENTITY }: GivenEpoch): Promise<number> {
  const folder = new Folder(log);
  const end = await findLogEnd(folder);
  await folder.close();
  const writer = new EpochWriter(log, end!, { identity, lsn, snapshot: '5:5:', timestampUs: 1_760_000_000_000_000n, following: EVERYTHING });
  for (const line of heads) writer.head(line.replaceAll(' ', '\t').replaceAll('~', ' '));
  for (const line of rows) writer.row(line.replaceAll(' ', '\t'));
  writer.finish({ reload, offer });
  return writer.epoch;
}

/** Goes on behind an epoch, as deltastream would. */
export async function writeBehind(log: string, transactions: readonly Buffer[], identity = OTHER_IDENTITY, lsn: Lsn = 0x100n): Promise<void> {
  const writer = await Writer.open(log, identity, lsn);
  for (const each of transactions) writer.append(each);
  await writer.sync();
  writer.close();
}
