/**
 * The messages of a transaction that comes before its end, in the order in which they came: in
 * memory as long as they are few, then in a file. What an aborted subtransaction wrote is cut off:
 * behind its first message stand only its own and those of its children, since the transaction
 * cannot write for its parents while it is open (as PostgreSQL's worker.c does it).
 *
 * The file is of use to this connection only: the server sends everything again to the next one.
 */
import { closeSync, ftruncateSync, openSync, read as readFile, rmSync } from 'node:fs';
import { promisify } from 'node:util';
import { realFiles } from '../../daystream/writer-files.js';
import { DeltaError, reasonOf } from '../../errors.js';

const read = promisify(readFile);
const MEMORY_BYTES = 64 * 1024;
const READ_BYTES = 256 * 1024;
/** Before each message: its length, and its place in the order of all messages of the connection. */
const LENGTH_BYTES = 4;
const ORDER_BYTES = 6;
const HEADER_BYTES = LENGTH_BYTES + ORDER_BYTES;

/** Gets the messages one by one, in memory that is good until the call, or its promise, ends. */
export type Each = (bytes: Buffer, start: number, end: number, order: number) => Promise<void> | void;

export class Spool {
  readonly #path: string;
  #file: number | undefined;
  #written = 0;
  /** What is not in the file yet. */
  #memory = Buffer.allocUnsafe(MEMORY_BYTES);
  #used = 0;
  /** The subtransactions that may still be aborted by themselves, and where the messages of each begin, ascending. */
  #open: { readonly xid: number; readonly begin: number }[] = [];
  readonly #begins = new Map<number, number>();
  #hasAborted = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Whether a subtransaction was aborted: what is here may be its, where `of` was not called for it. */
  get hasAborted(): boolean { return this.#hasAborted; }

  /**
   * The next message is that of a subtransaction; undefined: of the transaction itself. Where one
   * writes, the subtransactions that came after it have ended well: they go with it, and no longer alone.
   */
  of(subxid: number | undefined): void {
    if (subxid === undefined && this.#open.length > 0) {
      this.#open = [];
      this.#begins.clear();
    } else if (subxid !== undefined && !this.#begins.has(subxid)) {
      const begin = this.#written + this.#used;
      this.#open.push({ xid: subxid, begin });
      this.#begins.set(subxid, begin);
    }
  }

  /** Takes the message's letter, and what is behind `from`. */
  add(message: Buffer, from: number, order: number): void {
    const length = 1 + message.length - from;
    if (this.#used + HEADER_BYTES + length > MEMORY_BYTES) this.#flush();
    const isLarge = HEADER_BYTES + length > MEMORY_BYTES;
    const record = isLarge ? Buffer.allocUnsafe(HEADER_BYTES + length) : this.#memory;
    const at = isLarge ? 0 : this.#used;
    record.writeUInt32BE(length, at);
    record.writeUIntBE(order, at + LENGTH_BYTES, ORDER_BYTES);
    record[at + HEADER_BYTES] = message[0];
    message.copy(record, at + HEADER_BYTES + 1, from);
    if (isLarge) this.#write(record);
    else this.#used += HEADER_BYTES + length;
  }

  /** Cuts off a subtransaction that was aborted. */
  cut(subxid: number): void {
    this.#hasAborted = true;
    const begin = this.#begins.get(subxid);
    if (begin === undefined) return;
    while (this.#open.length > 0 && this.#open[this.#open.length - 1].begin >= begin) this.#begins.delete(this.#open.pop()!.xid);
    this.#used = Math.max(0, begin - this.#written);
    if (begin >= this.#written) return;
    this.#guard(() => ftruncateSync(this.#file!, begin));
    this.#written = begin;
  }

  /** Gives all messages to `each`, until `stop`. */
  async replay(each: Each, stop: AbortSignal): Promise<void> {
    if (this.#file === undefined) return this.#rest(await handOver(this.#memory, this.#used, each), this.#used);
    this.#flush();
    let buffer = Buffer.allocUnsafe(READ_BYTES);
    let used = 0;
    for (let position = 0; position < this.#written && !stop.aborted;) {
      const got = await this.#read(buffer, used, position);
      position += got;
      used += got;
      const done = await handOver(buffer, used, each);
      buffer.copyWithin(0, done, used);
      used -= done;
      const needed = used < LENGTH_BYTES ? 0 : HEADER_BYTES + buffer.readUInt32BE(0);
      if (needed > buffer.length) buffer = Buffer.concat([buffer.subarray(0, used)], needed);
      else if (buffer.length > READ_BYTES && needed <= READ_BYTES) buffer = Buffer.concat([buffer.subarray(0, used)], READ_BYTES);
    }
    if (!stop.aborted) this.#rest(0, used);
  }

  discard(): void {
    if (this.#file === undefined) return;
    closeSync(this.#file);
    this.#file = undefined;
    rmSync(this.#path, { force: true });
  }

  async #read(buffer: Buffer, used: number, position: number): Promise<number> {
    try {
      const { bytesRead } = await read(this.#file!, buffer, used, buffer.length - used, position);
      if (bytesRead > 0) return bytesRead;
    } catch (cause) {
      throw this.#failed(cause);
    }
    throw new DeltaError('io', `${this.#path}: is shorter than what was written to it`);
  }

  #rest(done: number, used: number): void {
    if (done !== used) throw new DeltaError('io', `${this.#path}: is not what was written to it`);
  }

  #flush(): void {
    if (this.#used > 0) this.#write(this.#memory.subarray(0, this.#used));
    this.#used = 0;
  }

  #write(bytes: Buffer): void {
    this.#guard(() => {
      this.#file ??= openSync(this.#path, 'ax+', 0o600);
      realFiles.write(this.#file, bytes);
    });
    this.#written += bytes.length;
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  #failed(cause: unknown): DeltaError {
    return new DeltaError('io', `${this.#path}: ${reasonOf(cause)}`, { hint: 'make room there: a transaction that is larger than logical_decoding_work_mem waits in it for its commit', cause });
  }
}

/** Hands over the whole messages; gives where they end. */
async function handOver(bytes: Buffer, used: number, each: Each): Promise<number> {
  let at = 0;
  while (used - at >= HEADER_BYTES) {
    const end = at + HEADER_BYTES + bytes.readUInt32BE(at);
    if (end > used) break;
    const wait = each(bytes, at + HEADER_BYTES, end, bytes.readUIntBE(at + LENGTH_BYTES, ORDER_BYTES));
    if (wait !== undefined) await wait;
    at = end;
  }
  return at;
}
