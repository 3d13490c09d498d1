/**
 * Messages of pgoutput in, the lines of docs/format.md out: those that our plugin would have
 * written. A transaction that comes before its commit, in pieces or prepared, waits in a spool.
 */
import type { Lsn } from '../../daystream/lsn.js';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Cursor } from '../../postgres/pgoutput/cursor.js';
import { LETTER, type EndMessage } from '../../postgres/pgoutput/messages.js';
import { readBegin, readBeginPrepare, readCommit, readLogicalMessage, readPrepared, readRollbackPrepared, readStreamAbort, readStreamCommit } from '../../postgres/pgoutput/read.js';
import { DeltaError, reasonOf } from '../../errors.js';
import { MessageLines } from './logical-message.js';
import type { Shapes } from './shape.js';
import { Spool } from './spool.js';
import { TransactionWriter, unexpected, type Append } from './transaction-writer.js';
import { Xids } from './xids.js';

const XID_BYTES = 4;

export interface TranslatorOptions {
  /** Prefixes of logical messages that the log is to have. */
  readonly messages: string | undefined;
  /** A folder for what has to wait; made when it is needed, gone behind `close`. */
  readonly spoolFolder: string;
  /** A transaction id of now, of 64 bits. */
  readonly xid: bigint;
  /** The log has what was committed before. */
  readonly lsn: Lsn;
  /** Ends the reading of a spool. */
  readonly stop: AbortSignal;
}

/** What is collected until its end is known, and whose it is. */
interface Collecting {
  readonly spool: Spool;
  /** Undefined: its messages have no xid, as all of them are of one prepared transaction. */
  readonly xid: number | undefined;
}

export class Translator {
  readonly #options: TranslatorOptions;
  readonly #writer: TransactionWriter;
  readonly #xids: Xids;
  readonly #streamed = new Map<number, Spool>();
  readonly #prepared = new Map<string, Spool>();
  #collecting: Collecting | undefined;
  #order = 0;

  constructor(options: TranslatorOptions, shapes: Shapes) {
    this.#options = options;
    this.#xids = new Xids(options.xid);
    this.#writer = new TransactionWriter(shapes, new MessageLines(options.messages), options.lsn);
    this.#removeFolder();
  }

  /**
   * Takes one message. A promise only where the catalog has to be asked or a spool is read: the next
   * message waits for it. `append` gets whole lines, joined by LF, and takes them at once.
   */
  take(message: Buffer, append: Append): Promise<void> | void {
    this.#order++;
    if (this.#collecting !== undefined) return this.#collect(message, this.#collecting);
    switch (message[0]) {
      case LETTER.insert:
      case LETTER.update:
      case LETTER.delete:
      case LETTER.truncate: return this.#writer.change(message, 0, message.length, append);
      case LETTER.relation: return this.#writer.describe(message, 0, message.length, this.#order, false);
      case LETTER.begin: return this.#begin(message);
      case LETTER.commit: return this.#writer.commit(readCommit(behindLetter(message)).endLsn, append);
      case LETTER.message: return this.#writer.message(readLogicalMessage(behindLetter(message)), append);
      case LETTER.type:
      case LETTER.origin: return; // of no use to a reader
      default: return this.#boundary(message, append);
    }
  }

  /** Gives up what has not come to its end: the connection is gone. */
  abandon(): void {
    this.#writer.abandon();
  }

  /** Leaves nothing behind. */
  close(): void {
    this.abandon();
    for (const spool of [...this.#streamed.values(), ...this.#prepared.values()]) spool.discard();
    if (this.#collecting?.xid === undefined) this.#collecting?.spool.discard();
    this.#removeFolder();
  }

  #begin(message: Buffer): void {
    const { xid, lsn, timestampUs } = readBegin(behindLetter(message));
    this.#writer.begin(this.#xids.widen(xid), lsn, timestampUs);
  }

  /** The begins and ends of what comes before its commit. */
  #boundary(message: Buffer, append: Append): Promise<void> | void {
    const cursor = behindLetter(message);
    switch (message[0]) {
      case LETTER.streamStart: return this.#startStream(cursor.uint32());
      case LETTER.streamCommit: return this.#commitStream(cursor, append);
      case LETTER.streamAbort: return this.#abortStream(cursor);
      case LETTER.streamPrepare: return this.#prepareStream(cursor);
      case LETTER.beginPrepare:
        this.#collecting = { spool: this.#newSpool(`prepared-${readBeginPrepare(cursor).xid}`), xid: undefined };
        return;
      case LETTER.commitPrepared: return this.#commitPrepared(cursor, append);
      case LETTER.rollbackPrepared: return this.#rollbackPrepared(cursor);
      default: throw unexpected(`a message of unknown kind ${message[0]}`);
    }
  }

  #collect(message: Buffer, { spool, xid }: Collecting): void {
    switch (message[0]) {
      case LETTER.streamStop:
        if (xid === undefined) throw unexpected('a stream stops that has not begun');
        this.#collecting = undefined;
        return;
      case LETTER.prepare:
        if (xid !== undefined) throw unexpected('a transaction is prepared within a stream');
        this.#prepared.set(readPrepared(behindLetter(message)).gid, spool);
        this.#collecting = undefined;
        return;
      case LETTER.type:
      case LETTER.origin: return;
      case LETTER.relation:
        // The server counts it as said to everybody, whatever becomes of the transaction.
        if (xid === undefined) this.#writer.describe(message, 0, message.length, this.#order, false);
    }
    if (xid === undefined) return spool.add(message, 1, this.#order); // what was rolled back is not in it
    const owner = message.readUInt32BE(1);
    // A logical message bears the transaction's id, whichever of its subtransactions wrote it.
    if (message[0] !== LETTER.message) spool.of(owner === xid ? undefined : owner);
    spool.add(message, 1 + XID_BYTES, this.#order);
  }

  #startStream(xid: number): void {
    let spool = this.#streamed.get(xid);
    if (spool === undefined) this.#streamed.set(xid, spool = this.#newSpool(`streamed-${xid}`));
    this.#collecting = { spool, xid };
  }

  #commitStream(cursor: Cursor, append: Append): Promise<void> {
    const { xid, ...end } = readStreamCommit(cursor);
    return this.#replay(takeFrom(this.#streamed, xid, `transaction ${xid}`), xid, end, append);
  }

  #abortStream(cursor: Cursor): void {
    const { xid, subxid } = readStreamAbort(cursor);
    const spool = this.#streamed.get(xid);
    if (xid !== subxid) spool?.cut(subxid);
    else {
      spool?.discard();
      this.#streamed.delete(xid);
    }
  }

  #prepareStream(cursor: Cursor): void {
    const { xid, gid } = readPrepared(cursor);
    this.#prepared.set(gid, takeFrom(this.#streamed, xid, `transaction ${xid}`));
  }

  /** P5: what was prepared before this connection began is not sent again, so it would be lost. */
  #commitPrepared(cursor: Cursor, append: Append): Promise<void> {
    const { xid, gid, ...end } = readPrepared(cursor);
    const spool = this.#prepared.get(gid);
    if (spool === undefined) {
      throw new DeltaError('slot', `pgoutput: the prepared transaction "${gid}" is committed, and what it wrote came to an earlier connection: the slot was made with two_phase`, {
        hint: 'use a slot that deltastream makes: deltastream --create-slot --slot NEWSLOT --out NEWDIR, then deltaimport again',
      });
    }
    this.#prepared.delete(gid);
    return this.#replay(spool, xid, end, append);
  }

  #rollbackPrepared(cursor: Cursor): void {
    const { gid } = readRollbackPrepared(cursor);
    this.#prepared.get(gid)?.discard();
    this.#prepared.delete(gid);
  }

  async #replay(spool: Spool, xid: number, { lsn, endLsn, timestampUs }: EndMessage, append: Append): Promise<void> {
    this.#writer.begin(this.#xids.widen(xid), lsn, timestampUs, spool.hasAborted);
    try {
      await spool.replay((bytes, start, end, order) => {
        if (bytes[start] === LETTER.relation) this.#writer.describe(bytes, start, end, order, true);
        else return this.#writer.change(bytes, start, end, append);
      }, this.#options.stop);
    } finally {
      spool.discard();
    }
    if (this.#options.stop.aborted) this.#writer.abandon();
    else await this.#writer.commit(endLsn, append);
  }

  #newSpool(name: string): Spool {
    const { spoolFolder } = this.#options;
    try {
      mkdirSync(spoolFolder, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new DeltaError('io', `${spoolFolder}: ${reasonOf(cause)}`, { cause });
    }
    return new Spool(join(spoolFolder, name));
  }

  #removeFolder(): void {
    rmSync(this.#options.spoolFolder, { recursive: true, force: true });
  }
}

function behindLetter(message: Buffer): Cursor {
  return new Cursor(message, 1, message.length);
}

function takeFrom<Key>(spools: Map<Key, Spool>, key: Key, what: string): Spool {
  const spool = spools.get(key);
  if (spool === undefined) throw unexpected(`the end of ${what}, which has not begun`);
  spools.delete(key);
  return spool;
}
