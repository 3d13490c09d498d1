/**
 * THE conversion of values: Postgres's output text to what SQLite holds, and back.
 * Import and mirror both bind what `valueOf` gives, so one value has one form.
 * The table of types is docs/types.md.
 *
 * A type is named as in the log's schema line: the type under all domains, in
 * Postgres's spelling with its modifier, qualified unless it is built in.
 */
import { arrayToJson, jsonToArray, type ElementCodec } from './arrays.js';
import { formatFloat, formatNumeric, type FloatType } from './floats.js';
import { formatMoney, readMoney } from './money.js';

/** What is bound to a statement. */
export type Bindable = string | number | Buffer;
/** What a read gives, integers as bigint. */
export type Stored = string | number | bigint | Buffer | null;
export type Affinity = 'INTEGER' | 'REAL' | 'TEXT' | 'BLOB';
/** How numeric and money are held: as text, every digit of them, or as the nearest double. */
export type Numeric = 'text' | 'real';

type Kind = 'integer' | 'boolean' | 'float' | 'numeric' | 'money' | 'bytea' | 'timestamptz' | 'array' | 'text';

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ['smallint', 'integer'],
  ['integer', 'integer'],
  ['bigint', 'integer'],
  ['oid', 'integer'],
  ['boolean', 'boolean'],
  ['real', 'float'],
  ['double precision', 'float'],
  ['numeric', 'numeric'],
  ['money', 'money'],
  ['bytea', 'bytea'],
  ['timestamp with time zone', 'timestamptz'],
]);

/** PostGIS's types, in whatever schema it is installed. */
const GEOMETRY = /\.(geometry|geography)(\(.*\))?$/;

/** Integers of at most this many characters are exact as a double. */
const EXACT_INTEGER_LENGTH = 15;

/** The column type that a Postgres type is declared with in SQLite. */
export function affinityOf(type: string, numeric: Numeric = 'text'): Affinity {
  switch (kindOf(type)) {
    case 'integer':
    case 'boolean': return 'INTEGER';
    case 'float': return 'REAL';
    case 'numeric':
    case 'money': return numeric === 'real' ? 'REAL' : 'TEXT';
    case 'bytea': return 'BLOB';
    case 'timestamptz':
    case 'array':
    case 'text': return 'TEXT';
  }
}

/** The conversion from Postgres's text to the value to bind. */
export function valueOf(type: string, numeric: Numeric = 'text'): (text: string) => Bindable {
  switch (kindOf(type)) {
    // A long integer is bound as text: the INTEGER affinity of its column converts all 64 bits exactly.
    case 'integer': return (text) => (text.length <= EXACT_INTEGER_LENGTH ? Number(text) : text);
    case 'boolean': return (text) => (text === 't' ? 1 : 0);
    // SQLite turns a NaN into NULL, so it is bound as text, which the REAL affinity leaves alone.
    case 'float': return (text) => (text === 'NaN' ? text : Number(text));
    case 'numeric': return numeric === 'real' ? numericToReal : asItIs;
    case 'money': return numeric === 'real' ? readMoney : asItIs;
    case 'bytea': return (text) => Buffer.from(text.slice(2), 'hex');
    case 'timestamptz': return zoneToSqlite;
    case 'array': {
      const codec = elementCodec(elementOf(type));
      return (text) => arrayToJson(text, codec);
    }
    case 'text': return asItIs;
  }
}

/**
 * Postgres's exact text of what SQLite holds; null for NULL. The way back from `valueOf`.
 * A numeric or money that is held as REAL gives the shortest digits of its double.
 */
export function canonical(type: string, value: Stored): string | null {
  if (value === null) return null;
  switch (kindOf(type)) {
    case 'boolean': return Number(value) === 1 ? 't' : 'f';
    case 'float': return typeof value === 'number' ? formatFloat(value, withoutModifier(type) as FloatType) : String(value);
    case 'numeric': return typeof value === 'number' ? formatNumeric(value) : String(value);
    case 'money': return typeof value === 'number' ? formatMoney(value) : String(value);
    case 'bytea': return Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : String(value);
    case 'timestamptz': return zoneToPostgres(String(value));
    case 'array': return jsonToArray(String(value), elementCodec(elementOf(type)));
    case 'integer':
    case 'text': return String(value);
  }
}

/** Which of the conversions a type's values get. */
export function kindOf(type: string): Kind {
  if (type.endsWith('[]')) return 'array';
  return KINDS.get(withoutModifier(type)) ?? 'text';
}

/** `timestamp(3) with time zone` is `timestamp with time zone`. */
function withoutModifier(type: string): string {
  return type.replace(/\([\d,-]+\)/, '');
}

/** The type of an array's elements. */
export function elementOf(arrayType: string): string {
  return arrayType.slice(0, -2);
}

function asItIs(text: string): string {
  return text;
}

/**
 * Beyond a double's range the digits are kept, as bytes: text of digits is a number to
 * a REAL column, and this one would be infinite.
 */
function numericToReal(text: string): Bindable {
  const number = Number(text);
  if (Number.isFinite(number) || text === 'Infinity' || text === '-Infinity') return number;
  return text === 'NaN' ? text : Buffer.from(text);
}

/** With the zone Postgres prints for UTC SQLite's date functions give NULL; they read `+00:00`. */
function zoneToSqlite(text: string): string {
  return text.endsWith('+00') ? `${text}:00` : text;
}

function zoneToPostgres(text: string): string {
  return text.endsWith('+00:00') ? text.slice(0, -3) : text;
}

/** Numbers keep Postgres's digits, booleans are JSON's, all else is a string. */
function elementCodec(type: string): ElementCodec {
  const delimiter = delimiterOf(type);
  switch (kindOf(type)) {
    case 'integer':
    case 'float':
    case 'numeric': return {
      delimiter,
      toJson: (text) => (/^-?\d/.test(text) ? text : JSON.stringify(text)),
      fromJson: (json) => json,
    };
    case 'boolean': return {
      delimiter,
      toJson: (text) => (text === 't' ? 'true' : 'false'),
      fromJson: (json) => (json === 'true' ? 't' : 'f'),
    };
    case 'timestamptz': return {
      delimiter,
      toJson: (text) => JSON.stringify(zoneToSqlite(text)),
      fromJson: zoneToPostgres,
    };
    // An array of a domain over an array: each element is an array's text, no further dimension.
    case 'array':
    case 'money':
    case 'bytea':
    case 'text': return { delimiter, toJson: JSON.stringify, fromJson: (json) => json };
  }
}

/** pg_type.typdelim, which domains and arrays take over from their base: a comma but for box and PostGIS's types. */
export function delimiterOf(type: string): ElementCodec['delimiter'] {
  const base = type.replace(/(\[\])+$/, '');
  if (base === 'box') return ';';
  return GEOMETRY.test(base) ? ':' : ',';
}
