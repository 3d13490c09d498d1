/**
 * gzip that can be read from anywhere (docs/format.md §7): members of 1 MiB plain bytes
 * each, so that `zcat` gives the plain bytes, then the seek table in empty members, the
 * last of which has a fixed size. A file without that last one is not whole.
 */
import { promisify } from 'node:util';
import { constants, crc32, gzip as gzipCallback } from 'node:zlib';
import { encodeMembers, memberBytes } from './gzip-member.js';

const gzip = promisify(gzipCallback);

/** Plain bytes in each member but the last. */
export const MEMBER_BYTES = 1 << 20;
/** Members that are compressed at once: reading and compressing overlap, and memory stays bounded. */
const AT_ONCE = 2;
/** What the last member says, and how long it is in the file. */
export const END_FIELD_BYTES = 40;
export const END_BYTES = memberBytes(END_FIELD_BYTES);

export interface SeekableOptions {
  /** What is kept in front of the data, as it was given. */
  readonly head?: Buffer;
  /** Of zlib, 1 to 9. */
  readonly level?: number;
}

/** Bytes in the file and bytes in what it holds. */
export interface Written {
  readonly bytes: number;
  readonly plainBytes: number;
}

/** What the last member says. */
export interface End {
  readonly memberBytes: number;
  readonly plainBytes: number;
  /** Where the data begins, behind the head, and where the table begins, behind the data. */
  readonly dataOffset: number;
  readonly tableOffset: number;
  /** CRC-32 over the members of the head, then those of the table. */
  readonly crc: number;
}

/** Compresses `plain`, blocks of any size, and hands what the file is made of to `write` in order. */
export async function writeSeekable(plain: AsyncIterable<Buffer> | Iterable<Buffer>, write: (bytes: Buffer) => void | Promise<void>, options: SeekableOptions = {}): Promise<Written> {
  const head = encodeMembers('H', options.head ?? Buffer.alloc(0));
  await write(head);
  const lengths: number[] = [];
  let plainBytes = 0;
  let tableOffset = head.length;
  const under: Promise<Buffer>[] = [];
  const finishOne = async () => {
    const member = await under[0];
    under.shift();
    lengths.push(member.length);
    tableOffset += member.length;
    await write(member);
  };
  try {
    for await (const piece of pieces(plain)) {
      plainBytes += piece.length;
      const member = gzip(piece, { level: options.level ?? constants.Z_DEFAULT_COMPRESSION });
      member.catch(() => {}); // finishOne throws it when its turn comes
      under.push(member);
      if (under.length === AT_ONCE) await finishOne();
    }
    while (under.length > 0) await finishOne();
  } finally {
    await Promise.allSettled(under);
  }
  const table = encodeMembers('T', encodeLengths(lengths));
  await write(table);
  const end = encodeMembers('E', encodeEnd({ memberBytes: MEMBER_BYTES, plainBytes, dataOffset: head.length, tableOffset, crc: crc(table, crc(head, 0)) }));
  await write(end);
  return { bytes: tableOffset + table.length + end.length, plainBytes };
}

/** The bytes in pieces of a member each, which are good for as long as their holder wants. */
async function* pieces(plain: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<Buffer> {
  let piece = Buffer.allocUnsafe(MEMBER_BYTES);
  let filled = 0;
  for await (const block of plain) {
    for (let start = 0; start < block.length;) {
      const copied = block.copy(piece, filled, start);
      start += copied;
      filled += copied;
      if (filled < MEMBER_BYTES) continue;
      yield piece;
      piece = Buffer.allocUnsafe(MEMBER_BYTES);
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

/** The compressed length of each member: 32 bits are enough, since zlib adds little to what it cannot compress. */
function encodeLengths(lengths: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(lengths.length * 4);
  lengths.forEach((length, i) => bytes.writeUInt32LE(length, i * 4));
  return bytes;
}

function encodeEnd(end: End): Buffer {
  const bytes = Buffer.alloc(END_FIELD_BYTES);
  bytes.writeUInt32LE(1, 0); // the version of this layout
  bytes.writeUInt32LE(end.memberBytes, 4);
  bytes.writeBigUInt64LE(BigInt(end.plainBytes), 8);
  bytes.writeBigUInt64LE(BigInt(end.dataOffset), 16);
  bytes.writeBigUInt64LE(BigInt(end.tableOffset), 24);
  bytes.writeUInt32LE(end.crc, 32);
  bytes.writeUInt32LE(crc(bytes.subarray(0, 36), 0), 36);
  return bytes;
}

/** Undefined where the bytes are not what `encodeEnd` gives. */
export function decodeEnd(bytes: Buffer): End | undefined {
  if (bytes.readUInt32LE(0) !== 1 || bytes.readUInt32LE(36) !== crc(bytes.subarray(0, 36), 0)) return undefined;
  return {
    memberBytes: bytes.readUInt32LE(4),
    plainBytes: Number(bytes.readBigUInt64LE(8)),
    dataOffset: Number(bytes.readBigUInt64LE(16)),
    tableOffset: Number(bytes.readBigUInt64LE(24)),
    crc: bytes.readUInt32LE(32),
  };
}

export const crc = (bytes: Buffer, seed: number): number => crc32(bytes, seed) >>> 0;
