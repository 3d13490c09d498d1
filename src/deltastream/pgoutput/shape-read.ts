/** What control messages say, read strictly: anybody may send one, and what is not as it has to be is passed over. */
import type { ColumnState, RelationState } from '../../postgres/relation-state.js';
import type { Place } from './shape-lines.js';

const OID_LIMIT = 0xffff_ffff;
const COLUMNS_LIMIT = 1600; // MaxHeapAttributeNumber

type Check = (value: unknown) => boolean;
type Checks<Type> = Readonly<Record<keyof Type, Check>>;

const isText: Check = (value) => typeof value === 'string' && !value.includes('\0');
const isFlag: Check = (value) => typeof value === 'boolean';
const isNumber: Check = (value) => Number.isInteger(value) && Math.abs(value as number) <= OID_LIMIT;
const isCount: Check = (value) => isNumber(value) && (value as number) >= 0;
const isAttnum: Check = (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= COLUMNS_LIMIT;
const isOid: Check = (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= OID_LIMIT;
const isLetter: Check = (value) => typeof value === 'string' && /^[a-z]$/.test(value);
const orNull = (check: Check): Check => (value) => value === null || check(value);
const listOf = (check: Check): Check => (value) => Array.isArray(value) && value.every(check);
const hasAll = <Type>(checks: Checks<Type>): Check => (value) => isObject(value) && (Object.entries(checks) as [string, Check][]).every(([name, check]) => check(value[name]));

const isState = hasAll<RelationState>({
  oid: isOid, schema: isText, table: isText, name: isText, relkind: isLetter, persistence: isLetter, identity: isLetter,
  isPartition: isFlag, root: orNull(isOid), made: isCount, filenode: isCount, attributes: isText, fullLeaves: isFlag, unloggedLeaf: orNull(isText),
  columns: listOf(hasAll<ColumnState>({ oid: isOid, attnum: isAttnum, name: isText, notNull: isFlag, type: isText, generated: isFlag, typeOid: isOid, base: isOid, typmod: isNumber })),
  missing: (value) => isObject(value) && Object.entries(value).every(([attnum, text]) => /^[1-9]\d{0,3}$/.test(attnum) && isText(text) && /^[^{]*\{[^]*\}$/.test(text as string)),
  indexes: listOf(hasAll({
    oid: isOid, name: isText, primary: isFlag, replicaIdentity: isFlag, immediate: isFlag, valid: isFlag, partial: isFlag,
    method: isText, attnums: listOf(isNumber), descending: listOf(isFlag),
  })),
  comments: listOf(hasAll({ oid: isOid, attnum: isNumber, comment: isText })),
});

/** Oids, each behind one space but the first. */
export function readOids(text: string): number[] | undefined {
  const oids = /^\d{1,10}(?: \d{1,10})*$/.test(text) ? text.split(' ').map(Number) : [];
  return oids.length > 0 && oids.every(isOid) ? oids : undefined;
}

/** An oid, and what stands behind one space. */
export function readOidAnd(text: string): [oid: number, rest: string] | undefined {
  const match = /^(\d{1,10}) ([^\0]+)$/.exec(text);
  return match !== null && isOid(Number(match[1])) ? [Number(match[1]), match[2]] : undefined;
}

/** A number of 32 bits, and what stands behind one space. */
export function readNumberAnd(text: string): [number: number, rest: string] | undefined {
  const match = /^(\d{1,10}) ([^\0]+)$/.exec(text);
  return match !== null && isCount(Number(match[1])) ? [Number(match[1]), match[2]] : undefined;
}

/** A schema and a table. */
export function readPlace(json: string): Place | undefined {
  const names = parse(json);
  return Array.isArray(names) && names.length === 2 && names.every(isText) ? { schema: names[0] as string, table: names[1] as string } : undefined;
}

export function readState(json: string): RelationState | undefined {
  const state = parse(json);
  return isState(state) ? state as RelationState : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
