/** Literals read as a column's type, into the one text that compares with what Postgres prints. */
import { bareType, isPadded, type Class } from './classes.js';
import { readDecimal } from './numbers.js';
import { withoutPadding } from './text.js';
import { readDate, readTime, readTimestamp, readTimestamptz } from './time.js';
import type { Literal } from './tree.js';

/** What a literal of a class looks like, for the person who wrote another. */
const EXPECTED: Readonly<Record<Class, string>> = {
  decimal: "a number of at most 1,000 digits before and behind the point; for numeric also 'NaN', 'Infinity' and '-Infinity'",
  float: "a number within the range of double precision, 'NaN', 'Infinity' or '-Infinity'",
  boolean: 'true or false',
  text: "a text in '…'",
  uuid: "a uuid in '…', as 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
  date: "a date as '2026-01-31', 'infinity' or '-infinity'",
  time: "a time as '23:59' or '23:59:59.999999'",
  timestamp: "a timestamp without zone as '2026-01-31' or '2026-01-31 23:59:59.999999', 'infinity' or '-infinity'",
  timestamptz: "a timestamp with its zone as '2026-01-31 23:59:59Z' or '2026-01-31 23:59+02:00', 'infinity' or '-infinity'",
  exact: "a text in '…'",
  opaque: 'nothing',
};

const SPECIAL_NUMBERS: ReadonlySet<string> = new Set(['NaN', 'Infinity', '-Infinity']);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The literal's text in the class's normal form; undefined where it is no value of the type. */
export function readLiteral({ kind, value }: Literal, of: Class, type: string): string | undefined {
  switch (of) {
    case 'decimal': return kind === 'boolean' ? undefined : readDecimal(value) ?? special(value, bareType(type) === 'numeric');
    case 'float': return kind === 'boolean' ? undefined : readFloat(value) ?? special(value, true);
    case 'boolean': return kind === 'boolean' ? value.slice(0, 1) : undefined;
  }
  if (kind !== 'text') return undefined;
  switch (of) {
    case 'text': return isPadded(type) ? withoutPadding(value) : value;
    case 'uuid': return UUID.test(value.toLowerCase()) ? value.toLowerCase() : undefined;
    case 'date': return readDate(value);
    case 'time': return readTime(value);
    case 'timestamp': return readTimestamp(value);
    case 'timestamptz': return readTimestamptz(value);
    case 'exact': return value;
    case 'opaque': return undefined;
  }
}

export function expectedLiteral(of: Class): string {
  return EXPECTED[of];
}

/** As JavaScript prints the double, which both sides read back as that double. Postgres refuses what over- or underflows. */
function readFloat(text: string): string | undefined {
  const decimal = readDecimal(text);
  if (decimal === undefined) return undefined;
  const value = Number(decimal);
  return Number.isFinite(value) && (value !== 0 || decimal === '0') ? String(value) : undefined;
}

function special(text: string, allowed: boolean): string | undefined {
  return allowed && SPECIAL_NUMBERS.has(text) ? text : undefined;
}
