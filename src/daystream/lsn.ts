import { DeltaError } from '../errors.js';

/** A byte position in Postgres's WAL. Text form: two hexadecimal halves, `16/B374D848` (docs/format.md §3). */
export type Lsn = bigint;

const TEXT = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

export function isLsn(text: string): boolean {
  return TEXT.test(text);
}

export function parseLsn(text: string): Lsn {
  const match = TEXT.exec(text);
  if (match === null) throw new DeltaError('usage', `LSN "${text}" is malformed`, { hint: 'write it like 0/16B3748' });
  return lsnOf(match[1], match[2]);
}

/** Of its two halves in hexadecimal digits. */
export function lsnOf(high: string, low: string): Lsn {
  return (BigInt(parseInt(high, 16)) << 32n) | BigInt(parseInt(low, 16));
}

export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

export function maxLsn(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}
