/**
 * What becomes of stored values when a column's type changed and its rows were not
 * written anew. Postgres leaves the rows alone where the old type's bytes are good for
 * the new one (pg_cast, binary coercible; and modifiers that only widen), and then the
 * values' text is mostly the same.
 */
import { canonical, valueOf, type Bindable, type Stored } from '../sqlite/values.js';

/** Gives the value in the new type; undefined where stored values can stay as they are. */
export type Retype = ((value: Stored) => Bindable | null) | undefined;

/** Their text is the value itself. */
const PLAIN_TEXT = /^(?:text|character varying(?:\(\d+\))?|character(?:\(\d+\))?|bpchar|xml|(?:\w+\.|"(?:[^"]|"")+"\.)?citext)$/;
/** Types of one family, whose modifier says only what fits. */
const FAMILIES = [PLAIN_TEXT, /^numeric(?:\(\d+,-?\d+\))?$/, /^bit varying(?:\(\d+\))?$/, /^timestamp(?:\(\d\))? without time zone$/, /^timestamp(?:\(\d\))? with time zone$/, /^time(?:\(\d\))? without time zone$/, /^time(?:\(\d\))? with time zone$/, /^interval\b/];

const TEXT_CHANGES: readonly { readonly from: RegExp; readonly to: RegExp; readonly text: (text: string) => string }[] = [
  // Bytes of a cidr are an inet, which does not print a mask that is all ones.
  { from: /^cidr$/, to: /^inet$/, text: (text) => text.replace(text.includes(':') ? /\/128$/ : /\/32$/, '') },
  // The same bytes with another sign.
  { from: /^oid$/, to: /^integer$/, text: (text) => String(Number(text) | 0) },
  { from: /^integer$/, to: /^oid$/, text: (text) => String(Number(text) >>> 0) },
  // Rows stay where the session's zone is UTC.
  { from: FAMILIES[3], to: FAMILIES[4], text: (text) => text.replace(/^(.*\d)( BC)?$/, '$1+00$2') },
  { from: FAMILIES[4], to: FAMILIES[3], text: (text) => text.replace(/\+00( BC)?$/, '$1') },
];

/** Undefined where it is not known what the rows hold now. */
export function retypeOf(before: string, after: string): { readonly retype: Retype } | undefined {
  const from = elementOf(before);
  const to = elementOf(after);
  if (from.dimensions !== to.dimensions) return undefined;
  if (from.type === to.type || FAMILIES.some((family) => family.test(from.type) && family.test(to.type))) return { retype: undefined };
  const change = TEXT_CHANGES.find((each) => each.from.test(from.type) && each.to.test(to.type));
  if (change === undefined || from.dimensions !== '') return undefined;
  const bind = valueOf(after);
  return { retype: (value) => {
    const text = canonical(before, value);
    return text === null ? null : bind(change.text(text));
  } };
}

function elementOf(type: string): { readonly type: string; readonly dimensions: string } {
  const dimensions = /(?:\[\])*$/.exec(type)![0];
  return { type: type.slice(0, type.length - dimensions.length), dimensions };
}
