/**
 * Finds where a log ends when a writer starts. The chain is checked from the last
 * horizon on, which is at most some seconds of log; what stands before it was checked
 * by the writer that wrote that horizon.
 */
import { DeltaError } from '../errors.js';
import { decodeLine, type Line } from './codec.js';
import { Due } from './due.js';
import { linesOf } from './lines.js';
import { linesBackward, readFully, readOpenLine } from './backward.js';
import { maxLsn, parseLsn, type Lsn } from './lsn.js';
import { followingOf, type Following } from './following.js';
import { LogReader, type Place } from './reader.js';
import { decodeHeader, text, type SegmentHeader } from './segment.js';
import type { Transport } from './transport.js';
import type { Copy, Unit } from './unit.js';

/** The end of the newest segment. */
export interface LogEnd {
  /** Behind the last whole unit: bytes from `place.offset` to `size` are a torn tail. */
  readonly place: Place;
  readonly size: number;
  readonly header: SegmentHeader;
  /** The one that the log ends in. */
  readonly timeline: number;
  /** The log is complete up to here. */
  readonly lsn: Lsn;
  /** When the server was alive and the log followed it, as far as its end tells: microseconds since 1970 UTC. */
  readonly timestampUs: bigint;
  /** Transactions behind the last horizon that had a snapshot. */
  readonly xids: readonly bigint[];
  /** What the newest horizon says that the log carries. */
  readonly following: Following;
  /** Of which tables a copy is due; one that was under way is, as before it began. */
  readonly due: Due;
}

/** Undefined where the folder holds no segment. Throws DeltaError log-damaged where bytes that were whole no longer fit. */
export async function findLogEnd(transport: Transport): Promise<LogEnd | undefined> {
  const segment = (await transport.list()).at(-1);
  if (segment === undefined) return undefined;
  const open = await readOpenLine(transport, segment);
  const header = decodeHeader(open.line);
  const start = (await lastSeenHorizon(transport, segment)) ?? open;
  const reader = new LogReader(transport, { segment, offset: start.end, crc: start.crc, position: start.line.position });
  const xids: bigint[] = [];
  const due = new Due();
  due.state(start.line);
  let following = followingOf(start.line);
  let timeline = timelineOf(start.line, header);
  let lsn = maxLsn(header.lsn, parseLsn(text(start.line, '_lsn')));
  let timestampUs = timeOf(start.line);
  for (let units = await nextOrTorn(reader, transport); units.length > 0; units = await nextOrTorn(reader, transport)) {
    for (const unit of units) {
      if (unit.kind === 'transaction') xids.push(unit.xid);
      if (unit.kind === 'horizon') {
        following = followingOf(unit.line);
        timeline = timelineOf(unit.line, header);
      }
      await follow(due, unit, transport);
      lsn = maxLsn(lsn, unitLsn(unit));
      const time = unitTime(unit);
      if (time > timestampUs) timestampUs = time;
    }
  }
  due.takeBack();
  return { place: reader.place, size: await transport.size(segment), header, timeline, lsn, timestampUs, xids, following, due };
}

/** A horizon says it where it is another one than the segment began with. */
function timelineOf(line: Line, header: SegmentHeader): number {
  return Number(line.own.get('_timeline') ?? header.timeline);
}

/** 0 where the line does not say it. */
function timeOf(line: Line): bigint {
  return BigInt(line.own.get('_ts') ?? 0);
}

function unitTime(unit: Unit): bigint {
  if (unit.kind === 'transaction') return unit.commitTimeUs ?? 0n;
  if (unit.kind === 'epoch') return unit.timestampUs;
  return unit.kind === 'horizon' ? timeOf(unit.line) : 0n;
}

async function follow(due: Due, unit: Unit, transport: Transport): Promise<void> {
  if (unit.kind === 'transaction' || unit.kind === 'epoch') due.need(unit.reload, unit.offer);
  else if (unit.kind === 'horizon') due.state(unit.line);
  else if (unit.kind === 'copy') {
    if (unit.part === 0) due.begun(unit.id, { oid: await tableOf(unit, transport), to: unit.to });
    if (unit.isLast) due.ended(unit.id);
  }
}

/** The oid of the table that a copy is of: its first line says it. */
async function tableOf(copy: Copy, transport: Transport): Promise<number> {
  for await (const block of linesOf(transport, copy)) {
    return Number(text(decodeLine(block.toString('utf8', 0, block.indexOf(10))), '_oid'));
  }
  throw new DeltaError('log-damaged', `${transport.place}/${copy.segment}:${copy.start}: a copy begins without a table`);
}

/** The LSN up to which the log is complete behind this unit. */
export function unitLsn(unit: Unit): Lsn {
  if (unit.kind === 'transaction') return unit.endLsn ?? 0n;
  if (unit.kind === 'copy' || unit.kind === 'epoch') return unit.lsn;
  const lsn = parseLsn(text(unit.line, '_lsn'));
  // A message's record begins at its LSN, so the log is complete up to behind that byte.
  return unit.kind === 'message' ? lsn + 1n : lsn;
}

async function lastSeenHorizon(transport: Transport, segment: string) {
  for await (const horizon of linesBackward(transport, segment, 'horizon', await transport.size(segment))) {
    if (horizon.line.own.has('_snapshot')) return horizon;
  }
  return undefined;
}

/**
 * The next units; none at the end, and none where a power loss left blocks of zeros,
 * which were never synced and so never confirmed to Postgres.
 */
async function nextOrTorn(reader: LogReader, transport: Transport): Promise<Unit[]> {
  try {
    return await reader.next();
  } catch (error) {
    if (!(error instanceof DeltaError) || error.code !== 'log-damaged') throw error;
    const bytes = Buffer.allocUnsafe(1 << 20);
    const length = await readFully(transport, reader.place.segment, reader.place.offset, bytes);
    if (bytes.subarray(0, length).includes(0)) return [];
    throw error;
  }
}
