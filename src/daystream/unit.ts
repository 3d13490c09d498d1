/**
 * Units: what is written, read, verified and applied as one (docs/format.md §2). A unit
 * ends with TAB _crc TAB, eight hexadecimal digits, LF: bytes that occur nowhere else,
 * so units are found without reading lines.
 */
import { crc32 } from 'node:zlib';
import { decodeLine, type Line } from './codec.js';
import { lsnOf, parseLsn, type Lsn } from './lsn.js';
import type { Position } from './position.js';
import { formatCrc, text } from './segment.js';
import { DeltaError } from '../errors.js';

const MARK = Buffer.from('\t_crc\t');
/** Found several times as fast as the mark: a line has few underscores, and a tab for every key and value. */
const WITHOUT_TAB = MARK.subarray(1);
const TAB = 9;
const LF = 10;
/** Bytes from the tab before `_crc` to behind the line feed. */
export const TRAILER_BYTES = MARK.length + 8 + 1;

/** Where a unit's trailer begins at or behind `from`, or -1 when none is whole in the block. */
export function findTrailer(block: Buffer, from: number): number {
  for (let found = block.indexOf(WITHOUT_TAB, from + 1); found !== -1; found = block.indexOf(WITHOUT_TAB, found + 1)) {
    const at = found - 1;
    if (block[at] !== TAB) continue;
    if (at + TRAILER_BYTES > block.length) return -1;
    if (block[at + TRAILER_BYTES - 1] === LF && isHex(block, at + MARK.length)) return at;
  }
  return -1;
}

/** The `_crc` that a trailer at this place states. */
export function trailerCrc(block: Buffer, at: number): number {
  return parseInt(block.toString('latin1', at + MARK.length, at + MARK.length + 8), 16);
}

/** The trailer that states it. */
export function formatTrailer(crc: number): string {
  return `\t_crc\t${formatCrc(crc)}\n`;
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
export interface UnitPlace {
  readonly segment: string;
  /** Byte offset of the unit's first byte, and of the byte behind its last. */
  readonly start: number;
  readonly end: number;
  readonly first: Position;
  readonly last: Position;
  /** The chain's value before it; undefined in the original format, which has no chain. */
  readonly seed: number | undefined;
  readonly crc: number;
  /** Of a unit that is larger than one: where those before the last end, by which its bytes are checked when they are read again. */
  readonly pieces?: readonly Piece[];
}

/** The end of some bytes of a unit, and the chain's value there. */
export interface Piece {
  readonly end: number;
  readonly crc: number;
}

/** The lines between the first and the last of a unit that has such. */
export interface Body {
  /** Undefined where the unit is too large for one block: see `linesOf`. */
  readonly body: Buffer | undefined;
  /** Byte offsets of the body in the segment. */
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

export interface Transaction extends UnitPlace, Body {
  readonly kind: 'transaction';
  readonly xid: bigint;
  /** The commit record, and the end of it. Undefined in the original format. */
  readonly commitLsn: Lsn | undefined;
  readonly endLsn: Lsn | undefined;
  /** Microseconds since 1970 UTC. Undefined in the original format. */
  readonly commitTimeUs: bigint | undefined;
  readonly rows: number;
  /** Lines that state what a relation is: schema, create, drop, indexes, comments. */
  readonly schemas: number;
  /** Oids of tables of which a copy has to follow: for everybody, and for readers that choose the table and lack it. */
  readonly reload: readonly number[];
  readonly offer: readonly number[];
}

/** A part of a table's copy (docs/format.md §3). */
export interface Copy extends UnitPlace, Body {
  readonly kind: 'copy';
  /** The same in all parts of a copy, unique in the log. */
  readonly id: string;
  /** From 0 on. */
  readonly part: number;
  /** The log is complete up to here. */
  readonly lsn: Lsn;
  /** In part 0, unless the copy is refused: every transaction above it is visible in the snapshot (its text). */
  readonly snapshot: string | undefined;
  /** `missing`: for readers that choose the table and do not have it; undefined: for everybody. */
  readonly to: 'missing' | undefined;
  readonly rows: number;
  /** The last part; `last`, as of every unit, is the position of the last line. */
  readonly isLast: boolean;
}

/** Where history broke (docs/format.md §3): what the new one differs in from all that is above. */
export interface Epoch extends UnitPlace, Body {
  readonly kind: 'epoch';
  /** Microseconds since 1970 UTC when it was made: rises, and is never given twice. */
  readonly epoch: number;
  /** Where the new slot begins. */
  readonly lsn: Lsn;
  /** Up to here the log above is complete, in the LSNs of the history that ended. */
  readonly before: Lsn;
  /** When the new history was looked at: microseconds since 1970 UTC. */
  readonly timestampUs: bigint;
  readonly rows: number;
  readonly schemas: number;
  /** As of a transaction. */
  readonly reload: readonly number[];
  readonly offer: readonly number[];
}

/** A unit of one line: open, horizon or message. */
export interface Single extends UnitPlace {
  readonly kind: 'open' | 'horizon' | 'message';
  readonly line: Line;
}

export type Unit = Transaction | Copy | Epoch | Single;

/** A unit's bytes as the reader found them: `head` begins at the unit's first byte, `tail` ends behind its last. */
export interface RawUnit {
  readonly segment: string;
  readonly start: number;
  readonly end: number;
  readonly head: Buffer;
  readonly tail: Buffer;
  /** The whole unit, where it fits in a block. */
  readonly whole: Buffer | undefined;
  readonly seed: number;
  readonly crc: number;
  readonly pieces?: readonly Piece[];
}

/** The lines that nearly every transaction begins and ends with, up to its trailer: taken apart without a map of their pairs. */
const BEGIN = /^_c\t(\d{1,15})\t_s\t(\d{1,15})\t_action\tbegin\t_xid\t(\d{1,20})\t_lsn\t([0-9A-F]{1,8})\/([0-9A-F]{1,8})\t_ts\t(\d{1,20})$/;
const COMMIT = /^_c\t(\d{1,15})\t_s\t(\d{1,15})\t_action\tcommit\t_xid\t\d+\t_lsn\t([0-9A-F]{1,8})\/([0-9A-F]{1,8})\t_rows\t(\d+)$/;

/** Reads the first and the last line of a verified unit. */
export function decodeUnit(raw: RawUnit): Unit {
  return plainTransaction(raw) ?? decodeAny(raw);
}

function plainTransaction({ segment, start, end, head, tail, whole, seed, crc, pieces }: RawUnit): Transaction | undefined {
  const firstEnd = head.indexOf(LF);
  const begin = BEGIN.exec(head.toString('latin1', 0, firstEnd));
  if (begin === null) return undefined;
  const lastStart = tail.lastIndexOf(LF, tail.length - 2) + 1;
  const commit = COMMIT.exec(tail.toString('latin1', lastStart, tail.length - TRAILER_BYTES));
  if (commit === null) return undefined;
  const bodyEnd = end - start - (tail.length - lastStart);
  const unit: Transaction = {
    kind: 'transaction', segment, start, end, seed, crc,
    first: { clock: Number(begin[1]), sequence: Number(begin[2]) },
    last: { clock: Number(commit[1]), sequence: Number(commit[2]) },
    xid: BigInt(begin[3]), commitLsn: lsnOf(begin[4], begin[5]), endLsn: lsnOf(commit[3], commit[4]), commitTimeUs: BigInt(begin[6]),
    rows: Number(commit[5]), schemas: 0, reload: NONE, offer: NONE,
    body: whole?.subarray(firstEnd + 1, bodyEnd), bodyStart: start + firstEnd + 1, bodyEnd: start + bodyEnd,
  };
  return pieces === undefined ? unit : { ...unit, pieces };
}

function decodeAny(raw: RawUnit): Unit {
  const firstEnd = raw.head.indexOf(LF);
  const head = decodeLine(raw.head.toString('utf8', 0, firstEnd));
  const action = head.own.get('_action');
  const place = { segment: raw.segment, start: raw.start, end: raw.end, first: head.position, seed: raw.seed, crc: raw.crc, ...(raw.pieces === undefined ? {} : { pieces: raw.pieces }) };
  if (action === 'open' || action === 'horizon' || action === 'message') {
    return { ...place, kind: action, last: head.position, line: head };
  }
  const lastStart = raw.tail.lastIndexOf(LF, raw.tail.length - 2) + 1;
  const tail = decodeLine(raw.tail.toString('utf8', lastStart, raw.tail.length - 1));
  const ending = tail.own.get('_action');
  if (!(action === 'begin' && ending === 'commit') && !(action === 'copy' && ending === 'copied') && !(action === 'epoch' && ending === 'commit')) {
    throw new DeltaError('log-damaged', `a unit runs from a ${action} line to a ${ending} line`);
  }
  const bodyStart = firstEnd + 1;
  const bodyEnd = raw.end - raw.start - (raw.tail.length - lastStart);
  const framed = {
    ...place,
    last: tail.position,
    rows: Number(text(tail, '_rows')),
    body: raw.whole?.subarray(bodyStart, bodyEnd),
    bodyStart: raw.start + bodyStart,
    bodyEnd: raw.start + bodyEnd,
  };
  if (action === 'begin') return { ...framed, ...transactionOf(head, tail) };
  return action === 'epoch' ? { ...framed, ...epochOf(head, tail) } : { ...framed, ...copyOf(head, tail) };
}

function transactionOf(head: Line, tail: Line): Omit<Transaction, keyof UnitPlace | keyof Body | 'rows'> {
  return {
    kind: 'transaction',
    xid: BigInt(text(head, '_xid')),
    commitLsn: parseLsn(text(head, '_lsn')),
    endLsn: parseLsn(text(tail, '_lsn')),
    commitTimeUs: BigInt(text(head, '_ts')),
    schemas: Number(tail.own.get('_schemas') ?? 0),
    reload: oidsOf(tail, '_reload'),
    offer: oidsOf(tail, '_offer'),
  };
}

function copyOf(head: Line, tail: Line): Omit<Copy, keyof UnitPlace | keyof Body | 'rows'> {
  return {
    kind: 'copy',
    id: text(head, '_copy'),
    part: Number(text(head, '_part')),
    lsn: parseLsn(text(head, '_lsn')),
    snapshot: head.own.get('_snapshot') ?? undefined,
    to: head.own.get('_to') === 'missing' ? 'missing' : undefined,
    isLast: tail.own.get('_last') === '1',
  };
}

function epochOf(head: Line, tail: Line): Omit<Epoch, keyof UnitPlace | keyof Body | 'rows'> {
  return {
    kind: 'epoch',
    epoch: Number(text(head, '_epoch')),
    lsn: parseLsn(text(head, '_lsn')),
    before: parseLsn(text(head, '_before')),
    timestampUs: BigInt(text(head, '_ts')),
    schemas: Number(tail.own.get('_schemas') ?? 0),
    reload: oidsOf(tail, '_reload'),
    offer: oidsOf(tail, '_offer'),
  };
}

/** Oids, separated by commas; none where the pair is absent. */
export function oidsOf(line: Line, key: '_reload' | '_offer'): readonly number[] {
  const value = line.own.get(key);
  return value === undefined || value === null ? NONE : value.split(',').map(Number);
}

const NONE: readonly number[] = [];
