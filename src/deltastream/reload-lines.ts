/** The lines of a copy: its head, and rows from COPY's text format, whose escaping is nearly the log's (docs/format.md §1). */
import { constants, isUtf8 } from 'node:buffer';
import { encodeKey, encodePairs, type Pair } from '../daystream/codec.js';
import { commentPairs, indexPairs, placePairs, relationPairs } from '../daystream/relation.js';
import { DeltaError } from '../errors.js';
import type { CopyTable } from '../postgres/copy-source.js';

type Place = Pick<CopyTable, 'schema' | 'table'>;

/** Part 0: what the table is. */
export function headLines(table: CopyTable): Buffer {
  const { relation, indexes, comments, oid } = table;
  const columns = new Map(relation.columns.flatMap(({ name, attnum }) => (attnum in comments ? [[name, comments[attnum]] as const] : [])));
  return Buffer.concat([
    line(table, 'schema', relationPairs(relation)),
    line(table, 'indexes', [['_oid', String(oid)], ...indexPairs(indexes)]),
    line(table, 'comments', [['_oid', String(oid)], ...commentPairs({ table: comments[0], columns })]),
  ]);
}

/** A refused copy. */
export function refusalLine(table: Place & Pick<CopyTable, 'oid'>, reason: string, cure: string): Buffer {
  return line(table, 'quarantine', [['_oid', String(table.oid)], ['_reason', reason], ['_cure', cure]]);
}

function line({ schema, table }: Place, action: string, pairs: readonly Pair[]): Buffer {
  return Buffer.from(`${encodePairs([...placePairs(schema, table), ['_action', action], ...pairs])}\n`);
}

/** Makes insert lines of blocks of whole rows. */
export class RowLines {
  /** What each line begins with, and each value: bytes as Latin-1, one character each, which is what V8 is fast with. */
  readonly #prefix: string;
  readonly #names: readonly string[];
  /** How much longer a line may be than its row. */
  readonly #more: number;

  constructor(table: CopyTable) {
    this.#prefix = latin1(encodePairs([...placePairs(table.schema, table.table), ['_action', 'insert']]));
    this.#names = table.relation.columns.map(({ name }) => latin1(`\t${encodeKey(name)}\t`));
    this.#more = this.#prefix.length + this.#names.join('').length;
  }

  /** Throws DeltaError `postgres` for what the log cannot hold: bytes that are not text, a row that no program here can hold. The block is changed. */
  encode(block: Buffer): { readonly lines: Buffer; readonly rows: number } {
    if (block.length + this.#more > constants.MAX_STRING_LENGTH) throw new DeltaError('postgres', `it has a row of ${block.length} bytes, more than a mirror takes`);
    // A database in SQL_ASCII hands out any bytes.
    if (!isUtf8(block)) throw new DeltaError('postgres', 'it holds text that is not UTF-8');
    const text = unescapeControls(block).toString('latin1');
    const out: string[] = [];
    let rows = 0;
    for (let start = 0; start < text.length; rows++) {
      const end = text.indexOf('\n', start);
      out.push(this.#line(text.slice(start, end)));
      start = end + 1;
    }
    return { lines: Buffer.from(out.join(''), 'latin1'), rows };
  }

  #line(row: string): string {
    let line = this.#prefix;
    if (this.#names.length > 0) {
      const fields = row.split('\t');
      for (let i = 0; i < this.#names.length; i++) line += this.#names[i] + fields[i];
    }
    return `${line}\n`;
  }
}

/** COPY escapes three characters that the log does not. In place: millions of replacements in a string take seconds and gigabytes. */
function unescapeControls(block: Buffer): Buffer {
  let to = block.indexOf(BACKSLASH);
  if (to === -1) return block;
  for (let from = to; from < block.length;) {
    let byte = block[from++];
    if (byte === BACKSLASH) {
      byte = block[from++];
      const control = CONTROLS[byte];
      if (control === undefined) block[to++] = BACKSLASH;
      else byte = control;
    }
    block[to++] = byte;
  }
  return block.subarray(0, to);
}

const BACKSLASH = '\\'.charCodeAt(0);
const CONTROLS: Readonly<Record<number, number>> = { [code('b')]: code('\b'), [code('f')]: code('\f'), [code('v')]: code('\v') };

function code(char: string): number {
  return char.charCodeAt(0);
}

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}
