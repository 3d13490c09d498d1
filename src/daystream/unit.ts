/**
 * Units: what is written, read, verified and applied as one (docs/format.md §2). A unit
 * ends with TAB _crc TAB, eight hexadecimal digits, LF: bytes that occur nowhere else,
 * so units are found without reading lines.
 */
import { crc32 } from 'node:zlib';
import { decodeLine, type Line } from './codec.js';
import { parseLsn, type Lsn } from './lsn.js';
import type { Position } from './position.js';
import { text } from './segment.js';
import { DeltaError } from '../errors.js';

const MARK = Buffer.from('\t_crc\t');
const LF = 10;
/** Bytes from the tab before `_crc` to behind the line feed. */
export const TRAILER_BYTES = MARK.length + 8 + 1;

/** Where a unit's trailer begins at or behind `from`, or -1 when none is whole in the block. */
export function findTrailer(block: Buffer, from: number): number {
  for (let at = block.indexOf(MARK, from); at !== -1; at = block.indexOf(MARK, at + 1)) {
    if (at + TRAILER_BYTES > block.length) return -1;
    if (block[at + TRAILER_BYTES - 1] === LF && isHex(block, at + MARK.length)) return at;
  }
  return -1;
}

/** The `_crc` that a trailer at this place states. */
export function trailerCrc(block: Buffer, at: number): number {
  return parseInt(block.toString('latin1', at + MARK.length, at + MARK.length + 8), 16);
}

/** The chain's next value: CRC-32 over the bytes, seeded with the value before. */
export function chain(bytes: Buffer, seed: number): number {
  return crc32(bytes, seed);
}

function isHex(block: Buffer, from: number): boolean {
  for (let i = from; i < from + 8; i++) {
    const byte = block[i];
    if (!((byte >= 48 && byte <= 57) || (byte >= 97 && byte <= 102))) return false;
  }
  return true;
}

/** What every unit tells: where it stands, and the chain's value behind it. */
interface Place {
  readonly segment: string;
  /** Byte offset of the unit's first byte, and of the byte behind its last. */
  readonly start: number;
  readonly end: number;
  readonly first: Position;
  readonly last: Position;
  readonly crc: number;
}

export interface Transaction extends Place {
  readonly kind: 'transaction';
  readonly xid: bigint;
  /** The commit record, and the end of it. Undefined in the original format. */
  readonly commitLsn: Lsn | undefined;
  readonly endLsn: Lsn | undefined;
  /** Microseconds since 1970 UTC. Undefined in the original format. */
  readonly commitTimeUs: bigint | undefined;
  readonly rows: number;
  /** The lines between begin and commit; undefined where the transaction is too large for one block: see `LogReader.blocks`. */
  readonly body: Buffer | undefined;
  /** Byte offsets of the body in the segment. */
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

/** A unit of one line: open, horizon or message. */
export interface Single extends Place {
  readonly kind: 'open' | 'horizon' | 'message';
  readonly line: Line;
}

export type Unit = Transaction | Single;

/** A unit's bytes as the reader found them: `head` begins at the unit's first byte, `tail` ends behind its last. */
export interface RawUnit {
  readonly segment: string;
  readonly start: number;
  readonly end: number;
  readonly head: Buffer;
  readonly tail: Buffer;
  /** The whole unit, where it fits in a block. */
  readonly whole: Buffer | undefined;
  readonly crc: number;
}

/** Reads the first and the last line of a verified unit. */
export function decodeUnit(raw: RawUnit): Unit {
  const firstEnd = raw.head.indexOf(LF);
  const head = decodeLine(raw.head.toString('utf8', 0, firstEnd));
  const action = head.own.get('_action');
  const place = { segment: raw.segment, start: raw.start, end: raw.end, first: head.position, crc: raw.crc };
  if (action === 'open' || action === 'horizon' || action === 'message') {
    return { ...place, kind: action, last: head.position, line: head };
  }
  const lastStart = raw.tail.lastIndexOf(LF, raw.tail.length - 2) + 1;
  const tail = decodeLine(raw.tail.toString('utf8', lastStart, raw.tail.length - 1));
  if (action !== 'begin' || tail.own.get('_action') !== 'commit') {
    throw new DeltaError('log-damaged', `a transaction runs from a ${action} line to a ${tail.own.get('_action')} line`);
  }
  const bodyStart = firstEnd + 1;
  const bodyEnd = raw.end - raw.start - (raw.tail.length - lastStart);
  return {
    ...place,
    kind: 'transaction',
    last: tail.position,
    xid: BigInt(text(head, '_xid')),
    commitLsn: parseLsn(text(head, '_lsn')),
    endLsn: parseLsn(text(tail, '_lsn')),
    commitTimeUs: BigInt(text(head, '_ts')),
    rows: Number(text(tail, '_rows')),
    body: raw.whole?.subarray(bodyStart, bodyEnd),
    bodyStart: raw.start + bodyStart,
    bodyEnd: raw.start + bodyEnd,
  };
}
