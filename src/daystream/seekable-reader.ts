/** Reads a seekable gzip file from anywhere, in bounded memory. */
import { promisify } from 'node:util';
import { gunzip as gunzipCallback } from 'node:zlib';
import { DeltaError, reasonOf } from '../errors.js';
import { decodeMembers, memberBytes } from './gzip-member.js';
import { crc, decodeEnd, END_BYTES, END_FIELD_BYTES, type End } from './seekable-gzip.js';

const gunzip = promisify(gunzipCallback);

/** Members that are kept as plain bytes: a bisection comes back to the last ones, and the one behind is made while this one is used. */
const KEPT = 4;
/** What a file may say that a member holds: it is held in memory. */
const MEMBER_LIMIT = 16 << 20;
/** The same of the head. */
const HEAD_LIMIT = 64 << 20;

/** Where the compressed bytes come from. */
export interface Compressed {
  /** For messages. */
  readonly place: string;
  /** Gives the number of bytes read, 0 at the end. */
  read(offset: number, into: Buffer): Promise<number>;
  size(): Promise<number>;
}

export class SeekableReader {
  readonly #from: Compressed;
  readonly #end: End;
  /** Where each member begins, and where the last one ends. */
  readonly #offsets: Float64Array;
  /** The last members asked for, the latest last. */
  readonly #kept = new Map<number, Promise<Buffer>>();
  #last = -1;

  private constructor(from: Compressed, end: End, offsets: Float64Array, readonly bytes: number, readonly head: Buffer | undefined) {
    this.#from = from;
    this.#end = end;
    this.#offsets = offsets;
  }

  /** Throws DeltaError log-damaged where the file is cut off, not whole yet, or another kind of gzip file. */
  static async open(from: Compressed): Promise<SeekableReader> {
    const bytes = await from.size();
    const end = bytes < END_BYTES ? undefined : await readEnd(from, bytes - END_BYTES);
    if (end === undefined || !isPossible(end, bytes)) throw cutOff(from);
    const head = await readWhole(from, 0, end.dataOffset);
    const table = await readWhole(from, end.tableOffset, bytes - END_BYTES);
    if (crc(table, crc(head, 0)) !== end.crc) throw damaged(from, 'its seek table does not match its checksum');
    const offsets = offsetsOf(from, end, decodeMembers('T', table));
    return new SeekableReader(from, end, offsets, bytes, head.length === 0 ? undefined : decodeMembers('H', head));
  }

  get plainBytes(): number { return this.#end.plainBytes; }

  /** Fills `into` from `offset` of the plain bytes on; gives the number of bytes, 0 at the end. Throws DeltaError log-damaged where a member is not what was written. */
  async read(offset: number, into: Buffer): Promise<number> {
    let filled = 0;
    while (filled < into.length && offset + filled < this.plainBytes) {
      const number = Math.floor((offset + filled) / this.#end.memberBytes);
      const member = await this.#member(number);
      filled += member.copy(into, filled, offset + filled - number * this.#end.memberBytes);
    }
    return filled;
  }

  async #member(number: number): Promise<Buffer> {
    const isNext = number === this.#last + 1;
    this.#last = number;
    const member = this.#keep(number);
    if (isNext && number + 2 < this.#offsets.length) this.#keep(number + 1);
    return member;
  }

  #keep(number: number): Promise<Buffer> {
    const member = this.#kept.get(number) ?? this.#inflate(number);
    this.#kept.delete(number);
    this.#kept.set(number, member);
    // A failure is not kept: the place may answer the next time. Who awaits the member gets it.
    member.catch(() => { if (this.#kept.get(number) === member) this.#kept.delete(number); });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break;
      this.#kept.delete(oldest);
    }
    return member;
  }

  async #inflate(number: number): Promise<Buffer> {
    const bytes = await readWhole(this.#from, this.#offsets[number], this.#offsets[number + 1]);
    const length = Math.min(this.#end.memberBytes, this.plainBytes - number * this.#end.memberBytes);
    const plain = await gunzip(bytes, { maxOutputLength: length }).catch((error: unknown) => { throw damaged(this.#from, `its member ${number} cannot be read: ${reasonOf(error)}`); });
    if (plain.length !== length) throw damaged(this.#from, `its member ${number} has ${plain.length} bytes, not ${length}`);
    return plain;
  }
}

async function readEnd(from: Compressed, offset: number): Promise<End | undefined> {
  const bytes = await readWhole(from, offset, offset + END_BYTES);
  try {
    const field = decodeMembers('E', bytes);
    return field.length === END_FIELD_BYTES ? decodeEnd(field) : undefined;
  } catch {
    return undefined; // the end of something else
  }
}

/** A file is not believed: what it says must fit into it before memory is taken for it. */
function isPossible({ memberBytes: plain, plainBytes, dataOffset, tableOffset }: End, bytes: number): boolean {
  const members = Math.ceil(plainBytes / plain);
  return plain > 0 && plain <= MEMBER_LIMIT && dataOffset <= HEAD_LIMIT && dataOffset <= tableOffset && tableOffset <= bytes - END_BYTES
    && members * 4 <= bytes && (members === 0 || bytes - END_BYTES - tableOffset >= members * 4 + memberBytes(0));
}

function offsetsOf(from: Compressed, { memberBytes: plain, plainBytes, dataOffset, tableOffset }: End, table: Buffer): Float64Array {
  const members = Math.ceil(plainBytes / plain);
  if (table.length !== members * 4) throw damaged(from, `its seek table has ${table.length} bytes for ${members} members`);
  const offsets = new Float64Array(members + 1);
  offsets[0] = dataOffset;
  for (let i = 0; i < members; i++) {
    const length = table.readUInt32LE(i * 4);
    if (length > plain + plain / 64 + 1024) throw damaged(from, `its seek table says that member ${i} has ${length} bytes`);
    offsets[i + 1] = offsets[i] + length;
  }
  if (offsets[members] !== tableOffset) throw damaged(from, 'its seek table does not fit its length');
  return offsets;
}

async function readWhole(from: Compressed, start: number, end: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(end - start);
  for (let filled = 0; filled < bytes.length;) {
    const read = await from.read(start + filled, bytes.subarray(filled));
    if (read === 0) throw cutOff(from);
    filled += read;
  }
  return bytes;
}

function cutOff(from: Compressed): DeltaError {
  return damaged(from, 'is cut off, or was not made by daystream compress');
}

function damaged(from: Compressed, reason: string): DeltaError {
  return new DeltaError('log-damaged', `${from.place}: ${reason}`, { hint: 'put a whole copy of the file back, or the plain one' });
}
