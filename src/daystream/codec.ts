/**
 * One line of the log as pairs (docs/format.md §1): the escaping of Postgres's COPY
 * text, the same for a snapshot and for a change. NULL is null here, the empty string
 * is '', and unchanged is a column that is not there.
 */
import { DeltaError } from '../errors.js';
import type { Position } from './position.js';

/** Key and value, in the order of the line. */
export type Pair = readonly [key: string, value: string | null];

/** A line taken apart: the format's own pairs by key, then the columns in order. */
export interface Line {
  readonly position: Position;
  /** The keys that begin with `_`, without `_c` and `_s`. In a schema line `_missing` belongs to a column and is not here. */
  readonly own: ReadonlyMap<string, string | null>;
  readonly columns: readonly Column[];
}

export interface Column {
  readonly name: string;
  readonly value: string | null;
  /** In a schema line: what rows hold that are older than the column. */
  readonly missing?: string;
}

const NULL = '\\N';
const BACKSLASH = 92;
/** A longer field is unescaped as bytes. */
export const LONG_FIELD = 4096;
const SPECIAL = /[\\\t\n\r]/;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
const UNESCAPES: Readonly<Record<string, string>> = { '\\': '\\', t: '\t', n: '\n', r: '\r' };

const PLAIN_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => UNESCAPES[String.fromCharCode(byte)]?.charCodeAt(0) ?? 0);

export function escape(text: string): string {
  return SPECIAL.test(text) ? text.replace(/[\\\t\n\r]/g, (char) => ESCAPES[char]) : text;
}

/** Undoes `escape`. Throws DeltaError log-damaged at a backslash that the format does not have. */
export function unescape(text: string): string {
  if (!text.includes('\\')) return text;
  if (text.length > LONG_FIELD) return unescapeBytes(Buffer.from(text), PLAIN_BYTES).toString();
  return text.replace(/\\(.?)/gs, (_, char: string) => {
    const plain = UNESCAPES[char];
    if (plain === undefined) throw new DeltaError('log-damaged', `"\\${char}" is no escape of the format`);
    return plain;
  });
}

/**
 * The same over bytes, in place, for long fields: millions of replacements in a string
 * take seconds and gigabytes. `plain` gives the byte that each escaped byte stands for,
 * 0 where it stands for none.
 */
export function unescapeBytes(bytes: Buffer, plain: Uint8Array): Buffer {
  let to = bytes.indexOf(BACKSLASH);
  if (to === -1) return bytes;
  for (let from = to; from < bytes.length; from++) {
    let byte = bytes[from];
    if (byte === BACKSLASH) {
      byte = plain[bytes[++from]];
      if (!byte) throw new DeltaError('log-damaged', `"\\${String.fromCharCode(bytes[from])}" is no escape of the format`);
    }
    bytes[to++] = byte;
  }
  return bytes.subarray(0, to);
}

function encodeValue(value: string | null): string {
  return value === null ? NULL : escape(value);
}

function decodeValue(text: string): string | null {
  return text === NULL ? null : unescape(text);
}

/** A column's or an index's name as a key. */
export function encodeKey(name: string): string {
  return name.startsWith('_') ? `\\${escape(name)}` : escape(name);
}

export function decodeKey(key: string): string {
  return unescape(key.startsWith('\\_') ? key.slice(1) : key);
}

/** Our own pairs as the text of a line, without position and line feed. */
export function encodePairs(pairs: readonly Pair[]): string {
  return pairs.map(([key, value]) => `${key}\t${encodeValue(value)}`).join('\t');
}

/** Takes a line (without its line feed) apart. Throws DeltaError log-damaged where it is not of the format. */
export function decodeLine(text: string): Line {
  const fields = text.split('\t');
  if (fields.length % 2 !== 0 || fields[0] !== '_c' || fields[2] !== '_s') {
    throw new DeltaError('log-damaged', `not a line of a daystream: ${JSON.stringify(text.slice(0, 80))}`);
  }
  const own = new Map<string, string | null>();
  const columns: Column[] = [];
  for (let i = 4; i < fields.length; i += 2) {
    const value = decodeValue(fields[i + 1]);
    if (!fields[i].startsWith('_')) columns.push({ name: decodeKey(fields[i]), value });
    else if (fields[i] === '_missing' && columns.length > 0) columns.push({ ...columns.pop()!, missing: value ?? '' });
    else own.set(fields[i], value);
  }
  return { position: { clock: wholeNumber(fields[1]), sequence: wholeNumber(fields[3]) }, own, columns };
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new DeltaError('log-damaged', `"${text}" is not a position's number`);
  return Number(text);
}
