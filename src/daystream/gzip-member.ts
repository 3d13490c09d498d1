/**
 * The members of a seekable gzip file that hold no data (docs/format.md §7): empty for
 * every gunzip, with a field of ours in the extra field of their header (RFC 1952, FEXTRA).
 */
import { DeltaError } from '../errors.js';

/** The kinds of field: a piece of the head, a piece of the seek table, and the end, which says where both are. */
export type FieldKind = 'H' | 'T' | 'E';

/** Header with an extra field: magic, deflate, FEXTRA, no time, no flags, unknown system, XLEN; then the subfield's id and length. */
const HEAD_BYTES = 16;
/** An empty deflate block, its CRC-32 and its size. */
const EMPTY = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
const MAGIC = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255]);
/** The extra field has a length of 16 bits: the id, its length and the kind come off that. */
const FIELD_BYTES = 65_535 - 5;

/** The bytes of one member with so many bytes of content. */
export function memberBytes(content: number): number {
  return HEAD_BYTES + 1 + content + EMPTY.length;
}

/** Content in as many members as it needs. */
export function encodeMembers(kind: FieldKind, content: Buffer): Buffer {
  const members: Buffer[] = [];
  for (let start = 0; start < content.length; start += FIELD_BYTES) {
    const piece = content.subarray(start, start + FIELD_BYTES);
    const head = Buffer.alloc(HEAD_BYTES + 1);
    MAGIC.copy(head);
    head.writeUInt16LE(piece.length + 5, 10);
    head.write('DM', 12, 'latin1');
    head.writeUInt16LE(piece.length + 1, 14);
    head.write(kind, 16, 'latin1');
    members.push(head, piece, EMPTY);
  }
  return Buffer.concat(members);
}

/** The content of members that fill these bytes. Throws DeltaError log-damaged where they are something else. */
export function decodeMembers(kind: FieldKind, bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.length - start < memberBytes(0) ? bytes.length : start + HEAD_BYTES + bytes.readUInt16LE(start + 14);
    const head = bytes.subarray(start, start + HEAD_BYTES + 1);
    const isOurs = head.length === HEAD_BYTES + 1 && head.subarray(0, MAGIC.length).equals(MAGIC) && head.toString('latin1', 12, 14) === 'DM'
      && head.readUInt16LE(10) === head.readUInt16LE(14) + 4 && head.toString('latin1', 16, 17) === kind
      && bytes.subarray(end, end + EMPTY.length).equals(EMPTY);
    if (!isOurs) throw new DeltaError('log-damaged', `no member of kind ${kind} of a seekable gzip file`);
    pieces.push(bytes.subarray(start + HEAD_BYTES + 1, end));
    start = end + EMPTY.length;
  }
  return Buffer.concat(pieces);
}
