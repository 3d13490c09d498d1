/**
 * COPY's text format, taken apart (PostgreSQL documentation, COPY, "Text Format"):
 * lines of fields between tabs, `\N` is NULL, a backslash escapes.
 */
import { isUtf8 } from 'node:buffer';
import { LONG_FIELD, unescapeBytes } from '../daystream/codec.js';
import { DeltaError } from '../errors.js';
import type { Bindable } from '../sqlite/values.js';

const TAB = '\t';
const LF = '\n';
const NULL = '\\N';
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

export type Convert = (text: string) => Bindable;

/** Gives each value of a block of whole lines to `push`, converted; gives the number of rows. Throws DeltaError postgres where the bytes are not text. */
export function readRows(block: Buffer, columns: readonly Convert[], push: (value: Bindable | null) => void): number {
  const text = decode(block);
  const last = columns.length - 1;
  let rows = 0;
  let at = 0;
  let backslash = indexOrEnd(text, '\\', 0);
  while (at < text.length) {
    for (let column = 0; column <= last; column++) {
      const end = text.indexOf(column === last ? LF : TAB, at);
      const field = text.slice(at, end);
      if (backslash > end) {
        push(columns[column](field));
      } else {
        push(field === NULL ? null : columns[column](unescape(field)));
        backslash = indexOrEnd(text, '\\', end);
      }
      at = end + 1;
    }
    rows += 1;
  }
  return rows;
}

function decode(block: Buffer): string {
  // A database in SQL_ASCII hands out any bytes; decoding those would change them without a word.
  if (!isUtf8(block)) {
    throw new DeltaError('postgres', 'holds text that is not UTF-8', { hint: 'find it with: SELECT … WHERE column <> convert_from(column::bytea, \'UTF8\'), in a database of encoding SQL_ASCII' });
  }
  try {
    return block.toString('utf8');
  } catch (cause) {
    throw new DeltaError('postgres', `has a row of ${block.length} bytes, more than a program in JavaScript can hold as text`, { hint: 'leave the table out of --tables', cause });
  }
}

function indexOrEnd(text: string, char: string, from: number): number {
  const at = text.indexOf(char, from);
  return at === -1 ? Infinity : at;
}

/** A letter stands for a control character, any other escaped character for itself. */
function unescape(field: string): string {
  if (field.length > LONG_FIELD) return unescapeBytes(Buffer.from(field), ESCAPED_BYTES).toString();
  return field.replace(/\\(.)/gs, (_, char: string) => ESCAPES[char] ?? char);
}

/** The byte that each escaped byte stands for. */
const ESCAPED_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => ESCAPES[String.fromCharCode(byte)]?.charCodeAt(0) ?? byte);
