/**
 * Where a copy of a standby joins the log. What it sees is what had been replayed, so the join is by LSN, as
 * far as the LSN tells: a commit that was replayed while the snapshot was taken may be in it or not, and one is
 * visible just before the standby counts it as replayed. Where the log has such a one, another snapshot is taken.
 */
import { linesBackward } from '../daystream/backward.js';
import { followingOf } from '../daystream/following.js';
import { parseLsn, type Lsn } from '../daystream/lsn.js';
import { LogReader } from '../daystream/reader.js';
import { findLogEnd } from '../daystream/recovery.js';
import { text } from '../daystream/segment.js';
import type { Transport } from '../daystream/transport.js';
import type { Unit } from '../daystream/unit.js';
import type { Replayed } from '../postgres/snapshot.js';
import { headerOf, type Join } from './join.js';

/** Behind an LSN the next record begins, after the header of a page (40 bytes at most) where that is the end of one. */
const NEXT_RECORD_BYTES = 64n;
const LOG_TIMEOUT_MS = 15_000;
const POLL_MS = 1_000;

/** Undefined where another snapshot has to be taken. */
export async function joinReplayed(transport: Transport, replayed: Replayed, signal: AbortSignal): Promise<Join | undefined> {
  if (!(await reaches(transport, replayed.isAll ? replayed.to : replayed.to + NEXT_RECORD_BYTES + 1n, signal))) return undefined;
  const segment = (await transport.list()).at(-1)!;
  for (const name of (await transport.list()).reverse()) {
    const header = await headerOf(transport, name);
    if (header.epoch !== (await headerOf(transport, segment)).epoch) return undefined;
    for await (const found of linesBackward(transport, name, 'horizon', await transport.size(name))) {
      const { line, crc, end } = found;
      const lsn = parseLsn(text(line, '_lsn'));
      // All above it has been replayed before the snapshot was taken.
      if (lsn > replayed.from) continue;
      const reader = new LogReader(transport, { segment: name, offset: end, crc, position: line.position });
      for (let units = await reader.next(); units.length > 0; units = await reader.next()) {
        if (units.some((unit) => isInDoubt(unit, replayed))) return undefined;
      }
      return { header, horizon: { segment: name, position: line.position, crc, lsn, timestampUs: BigInt(text(line, '_ts')), snapshot: undefined, ...followingOf(line) } };
    }
  }
  return undefined;
}

function isInDoubt(unit: Unit, { from, to, isAll }: Replayed): boolean {
  if (unit.kind === 'transaction') return unit.commitLsn !== undefined && unit.commitLsn >= from && unit.commitLsn < (isAll ? to : to + NEXT_RECORD_BYTES);
  // A copy that sees less than this one would take the place of newer rows.
  return unit.kind === 'epoch' || (unit.kind === 'copy' && unit.lsn < to);
}

/** Waits a while for the log to be complete up to an LSN. */
async function reaches(transport: Transport, lsn: Lsn, signal: AbortSignal): Promise<boolean> {
  for (const deadline = Date.now() + LOG_TIMEOUT_MS; Date.now() < deadline;) {
    signal.throwIfAborted();
    const end = await findLogEnd(transport);
    if (end !== undefined && end.lsn >= lsn) return true;
    await transport.changed((await transport.list()).at(-1), POLL_MS, signal);
  }
  return false;
}
