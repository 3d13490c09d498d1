/**
 * A line's values on their way to a statement. A table's columns come in the same order
 * line after line, so a line's keys are compared with those of the line before and only
 * its values are taken out.
 */
import { unescape } from '../daystream/codec.js';
import type { Bindable } from '../sqlite/values.js';

export type Value = Bindable | null;
export type Convert = (text: string) => Bindable;

/** The columns of a line, and where the value of each goes. */
export interface Slots {
  /** `name TAB` of each column, as on the wire. */
  readonly keys: readonly string[];
  readonly convert: readonly Convert[];
  /** For each column the index in `values`, -1 where its value is not wanted. */
  readonly targets: readonly number[];
  /** Filled anew for each line. */
  readonly values: Value[];
}

/** Fills the values from the columns in `lines[start, end)`; false where the columns are others. */
export function fill({ keys, convert, targets, values }: Slots, lines: string, start: number, end: number): boolean {
  let at = start;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (!lines.startsWith(key, at)) return false;
    at += key.length;
    let tab = lines.indexOf('\t', at);
    if (tab === -1 || tab > end) tab = end;
    if (targets[i] !== -1) values[targets[i]] = decode(lines.slice(at, tab), convert[i]);
    at = tab + 1;
  }
  return at === end + 1;
}

export function decode(text: string, convert: Convert): Value {
  if (!text.includes('\\')) return convert(text);
  return text === '\\N' ? null : convert(unescape(text));
}

/** `name TAB` of each column in `lines[start, end)`. */
export function keysOf(lines: string, start: number, end: number): string[] {
  const keys: string[] = [];
  for (let at = start; at < end;) {
    const tab = lines.indexOf('\t', at);
    if (tab === -1 || tab >= end) break;
    keys.push(lines.slice(at, tab + 1));
    const next = lines.indexOf('\t', tab + 1);
    at = next === -1 || next > end ? end : next + 1;
  }
  return keys;
}
