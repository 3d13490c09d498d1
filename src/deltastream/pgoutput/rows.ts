/** The rows of one relation as lines: plugin-c/change.c for what pgoutput sends. Nothing is allocated for a row. */
import { isUtf8 } from 'node:buffer';
import type { RelationMessage } from '../../postgres/pgoutput/messages.js';
import { IS_NULL, IS_UNCHANGED, isSameText, type Tuple } from '../../postgres/pgoutput/tuple.js';
import { columnsOf, type Column } from './columns.js';
import type { LineBuffer } from './line-buffer.js';
import { tableHead } from './heads.js';
import type { Shape } from './shape.js';
import { NoOldRow, Unwritable } from './unwritable.js';

const INSERT = Buffer.from('\t_action\tinsert');
const UPDATE = Buffer.from('\t_action\tupdate');
const REPLACE = Buffer.from('\t_action\treplace');
const DELETE = Buffer.from('\t_action\tdelete');
const TRUNCATE = Buffer.from('\t_action\ttruncate');
const NULL = Buffer.from('\\N');

export class Rows {
  readonly shape: Shape;
  /** How the lines begin, up to the xid. */
  readonly head: Buffer;
  readonly #columns: readonly Column[];
  readonly #key: readonly Column[];
  readonly #width: number;

  constructor(shape: Shape, message: RelationMessage) {
    this.shape = shape;
    this.head = tableHead(shape.schema, shape.table);
    this.#columns = columnsOf(shape, message);
    this.#width = message.columns.length;
    this.#key = shape.key.map((index) => this.#columns.find((column) => column.index === index)!);
  }

  insert(lines: LineBuffer, xid: Buffer, row: Tuple): void {
    this.#require(row);
    this.#begin(lines, xid, INSERT);
    for (const column of this.#columns) {
      if (row.lengths[column.index] === IS_UNCHANGED) throw new Unwritable('the new row came without a value that is stored out of line');
      putPair(lines, column, row);
    }
    lines.endLine();
  }

  /** An old row does not mean that the key changed: it comes also where a key value is stored out of line, and always under FULL. */
  update(lines: LineBuffer, xid: Buffer, old: Tuple | undefined, row: Tuple): void {
    this.#require(row);
    if (old !== undefined) this.#require(old);
    if (this.#key.length === 0) {
      if (old === undefined || !this.shape.isFull) throw new NoOldRow('update');
      this.#old(lines, xid, REPLACE, this.#columns, old);
    } else if (old !== undefined && this.#isKeyChanged(old, row)) {
      this.#old(lines, xid, REPLACE, this.#key, old);
    }
    this.#begin(lines, xid, UPDATE);
    for (const column of this.#columns) {
      const { index } = column;
      if (row.lengths[index] !== IS_UNCHANGED) putPair(lines, column, row);
      else if (old !== undefined && old.lengths[index] >= 0) putPair(lines, column, old);
      else if (this.#key.includes(column)) throw new Unwritable('an update came without a key value that is stored out of line');
    }
    lines.endLine();
  }

  delete(lines: LineBuffer, xid: Buffer, old: Tuple): void {
    this.#require(old);
    if (this.#key.length === 0 && !this.shape.isFull) throw new NoOldRow('delete');
    if (this.#key.length > 0) this.#requireKey(old, 'delete');
    this.#old(lines, xid, DELETE, this.#key.length > 0 ? this.#key : this.#columns, old);
  }

  truncate(lines: LineBuffer, xid: Buffer, options: string): void {
    this.#begin(lines, xid, TRUNCATE);
    if (options !== '') lines.putText(`\t_options\t${options}`);
    lines.endLine();
  }

  #begin(lines: LineBuffer, xid: Buffer, action: Buffer): void {
    lines.put(this.head);
    lines.put(xid);
    lines.put(action);
  }

  #old(lines: LineBuffer, xid: Buffer, action: Buffer, columns: readonly Column[], old: Tuple): void {
    this.#begin(lines, xid, action);
    for (const column of columns) {
      if (old.lengths[column.index] === IS_UNCHANGED) throw new Unwritable('the old row came without a value that is stored out of line');
      putPair(lines, column, old);
    }
    lines.endLine();
  }

  #isKeyChanged(old: Tuple, row: Tuple): boolean {
    this.#requireKey(old, 'update');
    return this.#key.some(({ index }) => {
      const length = row.lengths[index];
      if (length === IS_UNCHANGED) return false;
      if (length === IS_NULL) return old.lengths[index] !== IS_NULL;
      return !isSameText(old, row, index);
    });
  }

  /** P5: an old row without the key's values is a partition's whose identity is another one; a key is never guessed. */
  #requireKey(old: Tuple, action: 'update' | 'delete'): void {
    for (const { index } of this.#key) if (old.lengths[index] === IS_NULL) throw new NoOldRow(action);
  }

  #require(row: Tuple): void {
    if (row.count !== this.#width) throw new Unwritable(`it came with ${row.count} values for ${this.#width} columns`);
  }
}

function putPair(lines: LineBuffer, column: Column, row: Tuple): void {
  lines.put(column.key);
  const { index } = column;
  const length = row.lengths[index];
  if (length === IS_NULL) {
    lines.put(NULL);
    return;
  }
  const start = row.starts[index];
  if (column.kind === 'plain') {
    lines.put(row.bytes, start, start + length);
    return;
  }
  if (column.kind === 'checked' && !isUtf8(row.bytes.subarray(start, start + length))) {
    throw new Unwritable(`column ${column.name} holds bytes that are no text`);
  }
  lines.putEscaped(row.bytes, start, start + length);
}
