/** COPY's messages by the native engine; the row at which it stops goes by TypeScript, which knows every case and tells what is wrong. */
import { HEADER_BYTES, messageLength } from '../postgres/copy-messages.js';
import type { BulkTable } from '../sqlite/bulk.js';
import type { NativeCopy } from '../sqlite/native-copy.js';
import { readRows, type Convert } from './rows.js';

/** Rows that TypeScript does in one go, at most, before the engine is asked again. */
const ROWS_LIMIT = 4096;

export class NativeRows {
  readonly #push: BulkTable['push'];
  #slowRows = 0;
  /** How many rows TypeScript does at the next stop: twice as many where the engine did nothing since the last one, as each call hands it all messages anew. */
  #patience = 1;

  constructor(readonly bulk: BulkTable, readonly copy: NativeCopy, readonly columns: readonly Convert[]) {
    this.#push = bulk.push.bind(bulk);
  }

  /** All rows so far. */
  get rows(): number {
    return this.copy.rows + this.#slowRows;
  }

  /** Takes all messages that are whole; gives their bytes. */
  take(messages: Buffer): number {
    let at = 0;
    while (messageLength(messages, at) !== undefined) {
      const taken = this.copy.take(messages.subarray(at));
      this.#patience = taken > 0 ? 1 : Math.min(2 * this.#patience, ROWS_LIMIT);
      at = this.#takeSlowly(messages, at + taken);
    }
    return at;
  }

  #takeSlowly(messages: Buffer, from: number): number {
    let at = from;
    for (let row = 0; row < this.#patience; row++) {
      const length = messageLength(messages, at);
      if (length === undefined) break;
      this.#slowRows += readRows(messages.subarray(at + HEADER_BYTES, at + length), this.columns, this.#push);
      at += length;
    }
    if (at > from) this.bulk.flush(); // in the order in which they came
    return at;
  }
}
