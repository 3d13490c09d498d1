/** The plugin's lines as the writer meets them, before they have a position (docs/format.md §3). */
import { DeltaError } from '../errors.js';
import { isLsn } from './lsn.js';

/** True where the line has the pairs that the writer reads: the others pass through unread. */
export function isWhole(fields: readonly string[]): boolean {
  switch (fields[1]) {
    case 'begin': return fields[2] === '_xid' && fields[4] === '_lsn' && isLsn(fields[5]) && fields[6] === '_ts' && isNumber(fields[7] ?? '');
    case 'commit': return fields[2] === '_xid' && isNumber(fields[3]) && fields[4] === '_lsn' && isLsn(fields[5]) && fields[6] === '_rows' && isNumber(fields[7]) && (fields.length === COMMIT_FIELDS || COMMIT_REST.test(fields.slice(COMMIT_FIELDS).join('\t')));
    case 'message': return fields[2] === '_lsn' && isLsn(fields[3]);
    default: return false;
  }
}

/** Of a whole commit line: whether its transaction says what a relation is, or which needs a copy. */
export function hasShapes(fields: readonly string[]): boolean {
  return fields.length > COMMIT_FIELDS;
}

/** Of a whole commit line: how many of its transaction's lines state what a relation is. */
export function schemasOf(fields: readonly string[]): number {
  return Number(restOf(fields, '_schemas') ?? 0);
}

/** Of a whole commit line: the tables of which a copy has to follow. */
export function needsOf(fields: readonly string[]): { reload: readonly number[]; offer: readonly number[] } {
  return { reload: oids(restOf(fields, '_reload')), offer: oids(restOf(fields, '_offer')) };
}

/** How many fields a commit line has at least, and what may stand behind them. */
const COMMIT_FIELDS = 8;
const COMMIT_REST = /^(?:_schemas\t\d+(?:\t|$))?(?:_reload\t\d+(?:,\d+)*(?:\t|$))?(?:_offer\t\d+(?:,\d+)*)?$/;

function restOf(fields: readonly string[], key: string): string | undefined {
  for (let i = COMMIT_FIELDS; i < fields.length; i += 2) if (fields[i] === key) return fields[i + 1];
  return undefined;
}

function oids(text: string | undefined): readonly number[] {
  return text === undefined ? [] : text.split(',').map(Number);
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

/** For a line that the plugin would not write here. */
export function notOurs(message: Buffer, start: number, end: number): DeltaError {
  return new DeltaError('log-damaged', `not what the plugin writes here: ${JSON.stringify(message.toString('utf8', start, Math.min(end, start + 80)))}`, {
    hint: 'read a slot whose plugin is deltastream',
  });
}
