/** One transaction after the other, from its begin to its commit, as lines. */
import type { Lsn } from '../../daystream/lsn.js';
import { DeltaError } from '../../errors.js';
import { CONTROL_PREFIX } from '../../postgres/control.js';
import { Cursor } from '../../postgres/pgoutput/cursor.js';
import { LETTER, type LogicalMessage } from '../../postgres/pgoutput/messages.js';
import { readLogicalMessage, readRelation, readTruncate } from '../../postgres/pgoutput/read.js';
import { Tuple } from '../../postgres/pgoutput/tuple.js';
import { LineBuffer } from './line-buffer.js';
import { MessageLines } from './logical-message.js';
import { Relations } from './relations.js';
import { Rows } from './rows.js';
import type { Shapes } from './shape.js';
import { Transaction } from './transaction.js';
import { NoOldRow, qualifiedName, quarantinePairs, Unwritable } from './unwritable.js';

export type Append = (lines: Buffer) => void;

/** Lines go on in pieces of about this size. */
const BATCH_BYTES = 32 * 1024;
const NEW_ROW = 0x4e; // N
/** Behind the letter stands the relation's oid, then the letter of the row. */
const ROW_AT = 5;
/** Anybody may send one, and a longer one says nothing that a look does not find. */
const CONTROL_LIMIT_BYTES = 16 * 1024 * 1024;

export class TransactionWriter {
  readonly #lsn: Lsn;
  readonly #shapes: Shapes;
  readonly #messages: MessageLines;
  readonly #lines = new LineBuffer();
  readonly #relations = new Relations();
  /** By oid; null: not followed. What is not there is asked for. */
  readonly #rows = new Map<number, Rows | null>();
  readonly #old = new Tuple();
  readonly #new = new Tuple();
  #transaction: Transaction | undefined;
  /** Within the transaction, since its last row: the server describes what a row is of right before it, the root first. */
  #described: number | undefined;

  /** The log has what was committed before `lsn`, and drops it where it comes again. */
  constructor(shapes: Shapes, messages: MessageLines, lsn: Lsn) {
    this.#lsn = lsn;
    this.#shapes = shapes;
    this.#messages = messages;
  }

  /** `isDoubtful`: its logical messages may have been rolled back. */
  begin(xid: bigint, lsn: Lsn, timestampUs: bigint, isDoubtful = false): void {
    if (this.#transaction !== undefined) throw unexpected('a transaction begins within another');
    this.#transaction = new Transaction(xid, lsn, timestampUs, isDoubtful);
    this.#described = undefined;
  }

  /** What a relation's rows look like from here on. `isOwn`: in the transaction at hand, which came in pieces. */
  describe(bytes: Buffer, start: number, end: number, order: number, isOwn: boolean): void {
    const message = readRelation(new Cursor(bytes, start + 1, end));
    if (isOwn) this.#relations.sayOwn(message, order);
    else this.#relations.say(message, order);
    this.#rows.delete(message.oid);
    if (this.#transaction !== undefined) this.#described = message.oid;
  }

  /** A message of the transaction at hand, from its letter on. A promise only where the catalog has to be asked. */
  change(bytes: Buffer, start: number, end: number, append: Append): Promise<void> | void {
    switch (bytes[start]) {
      case LETTER.insert:
      case LETTER.update:
      case LETTER.delete: return this.#row(bytes, start, end, append);
      case LETTER.truncate: return this.#truncate(bytes, start, end, append);
      case LETTER.message: return this.message(readLogicalMessage(new Cursor(bytes, start + 1, end)), append);
      default: throw unexpected(`a message of unknown kind ${bytes[start]}`);
    }
  }

  /** One that is not transactional stands alone: between transactions. */
  message(message: LogicalMessage, append: Append): void {
    const transaction = this.#transaction;
    if (message.transactional === (transaction === undefined)) throw unexpected('a logical message in the wrong place');
    if (transaction !== undefined && message.prefix === CONTROL_PREFIX && message.content.length <= CONTROL_LIMIT_BYTES) this.#shapes.control(message.content.toString(), transaction);
    if (!this.#messages.isAsked(message)) return;
    transaction?.open(this.#lines);
    this.#messages.write(this.#lines, message, transaction?.xid);
    if (transaction === undefined || this.#lines.length >= BATCH_BYTES) this.#lines.flush(append);
  }

  commit(endLsn: Lsn, append: Append): Promise<void> | void {
    const transaction = this.#current();
    const ending = this.#shapes.end(transaction);
    if (ending === undefined) {
      transaction.close(this.#lines, endLsn, undefined);
      return this.#end(append);
    }
    return ending.then((said) => {
      transaction.close(this.#lines, endLsn, said);
      this.#end(append);
    });
  }

  /** Gives up the transaction at hand. */
  abandon(): void {
    if (this.#transaction === undefined) return;
    this.#transaction = undefined;
    this.#lines.length = 0;
    this.#forgetOwn();
    this.#shapes.abandoned();
  }

  #end(append: Append): void {
    const isRepeat = this.#current().commitLsn < this.#lsn;
    this.#transaction = undefined;
    this.#forgetOwn();
    if (isRepeat) this.#rows.clear(); // so that the next row of each table is asked about again
    this.#shapes.committed(isRepeat);
    this.#lines.flush(append);
  }

  #forgetOwn(): void {
    for (const oid of this.#relations.end()) this.#rows.delete(oid);
  }

  #row(bytes: Buffer, start: number, end: number, append: Append): Promise<void> | void {
    const oid = ((bytes[start + 1] << 24) | (bytes[start + 2] << 16) | (bytes[start + 3] << 8) | bytes[start + 4]) >>> 0;
    if (this.#described !== undefined) this.#leaf(oid, this.#described);
    const rows = this.#rows.get(oid);
    if (rows === undefined) return this.#describe(oid, append).then((described) => this.#write(described, bytes, start, end, append));
    this.#write(rows, bytes, start, end, append);
  }

  #leaf(oid: number, described: number): void {
    this.#described = undefined;
    if (oid !== described) this.#shapes.wroteLeaf(oid, described, this.#current());
  }

  #write(rows: Rows | null, bytes: Buffer, start: number, end: number, append: Append): void {
    const transaction = this.#current();
    if (rows === null || transaction.broken.has(rows.shape.oid)) return;
    transaction.open(this.#lines);
    const before = this.#lines.length;
    try {
      this.#writeLines(rows, transaction.xidText, bytes, start, end);
      transaction.rows++;
    } catch (fault) {
      if (!(fault instanceof Unwritable || fault instanceof NoOldRow)) throw fault;
      this.#lines.length = before;
      this.#quarantine(rows, fault);
    }
    if (this.#lines.length >= BATCH_BYTES) this.#lines.flush(append);
  }

  #writeLines(rows: Rows, xid: Buffer, bytes: Buffer, start: number, end: number): void {
    const letter = bytes[start];
    let at = start + ROW_AT;
    let old: Tuple | undefined;
    if (letter !== LETTER.insert && bytes[at] !== NEW_ROW) {
      old = this.#old;
      at = old.read(bytes, at + 1, end);
    }
    if (letter === LETTER.delete) {
      if (old === undefined) throw new NoOldRow('delete');
      rows.delete(this.#lines, xid, old);
      return;
    }
    if (bytes[at] !== NEW_ROW) throw unexpected('a change without its new row');
    this.#new.read(bytes, at + 1, end);
    if (letter === LETTER.insert) rows.insert(this.#lines, xid, this.#new);
    else rows.update(this.#lines, xid, old, this.#new);
  }

  /** P5: named once a transaction. */
  #quarantine({ head, shape }: Rows, fault: Unwritable | NoOldRow): void {
    const transaction = this.#current();
    if (fault instanceof Unwritable) transaction.broken.add(shape.oid);
    if (transaction.quarantined.has(shape.oid)) return;
    transaction.quarantined.add(shape.oid);
    this.#lines.put(head);
    this.#lines.put(transaction.xidText);
    this.#lines.putText(`\t_action\tquarantine${quarantinePairs(fault, qualifiedName(shape.schema, shape.table))}`);
    this.#lines.endLine();
  }

  async #truncate(bytes: Buffer, start: number, end: number, append: Append): Promise<void> {
    this.#described = undefined;
    const { oids, cascade, restart } = readTruncate(new Cursor(bytes, start + 1, end));
    const options = [...(cascade ? ['cascade'] : []), ...(restart ? ['restart'] : [])].join(',');
    for (const oid of oids) {
      const rows = this.#rows.get(oid) ?? await this.#describe(oid, append);
      this.#shapes.truncated(oid);
      const transaction = this.#current();
      if (rows === null || transaction.broken.has(oid)) continue;
      transaction.open(this.#lines);
      rows.truncate(this.#lines, transaction.xidText, options);
      this.#rows.delete(oid); // what is written behind it, the shapes are asked for: not all is empty then
    }
    if (this.#lines.length >= BATCH_BYTES) this.#lines.flush(append);
  }

  /** Asks how a relation's rows are written, and writes what the log has to be told of it first. */
  async #describe(oid: number, append: Append): Promise<Rows | null> {
    const transaction = this.#current();
    const message = this.#relations.get(oid);
    if (message === undefined) throw unexpected(`a change of relation ${oid}, which was not described`);
    const { lines, shape } = await this.#shapes.relation(message, transaction);
    transaction.tell(this.#lines, lines);
    const rows = shape === undefined ? null : new Rows(shape, message);
    this.#rows.set(oid, rows);
    if (this.#lines.length >= BATCH_BYTES) this.#lines.flush(append);
    return rows;
  }

  #current(): Transaction {
    if (this.#transaction === undefined) throw unexpected('a change outside of a transaction');
    return this.#transaction;
  }
}

export function unexpected(what: string): DeltaError {
  return new DeltaError('postgres', `pgoutput: ${what}`);
}
