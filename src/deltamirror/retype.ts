/**
 * What becomes of stored values when a column's type changed and its rows were not
 * written anew. Postgres leaves the rows alone where the old type's bytes are good for
 * the new one (pg_cast, binary coercible; and modifiers that only widen). Mostly their
 * text is the same, or the type but has another name. Where it changes in a way that is
 * known, it is changed here; of any other way the log says that the table is stale.
 */
import { affinityOf, canonical, valueOf, type Bindable, type Numeric, type Stored } from '../sqlite/values.js';

/** Gives the value in the new type; undefined where stored values stay as they are. */
export type Retype = ((value: Stored) => Bindable | null) | undefined;

const WITHOUT_ZONE = /^timestamp(?:\(\d\))? without time zone$/;
const WITH_ZONE = /^timestamp(?:\(\d\))? with time zone$/;

const CHANGES: readonly { readonly from: RegExp; readonly to: RegExp; readonly text: (text: string) => string }[] = [
  // Bytes of a cidr are an inet, which does not print a mask that is all ones.
  { from: /^cidr$/, to: /^inet$/, text: (text) => text.replace(text.includes(':') ? /\/128$/ : /\/32$/, '') },
  // The same bytes with another sign.
  { from: /^oid$/, to: /^integer$/, text: (text) => String(Number(text) | 0) },
  { from: /^integer$/, to: /^oid$/, text: (text) => String(Number(text) >>> 0) },
  // Rows stay where the session's zone is UTC.
  { from: WITHOUT_ZONE, to: WITH_ZONE, text: (text) => text.replace(/^(.*\d)( BC)?$/, '$1+00$2') },
  { from: WITH_ZONE, to: WITHOUT_ZONE, text: (text) => text.replace(/\+00( BC)?$/, '$1') },
];

/** As a column holds its values. */
interface Holding { readonly type: string; readonly numeric: Numeric }

export function retypeOf(before: Holding, after: Holding): Retype {
  const change = CHANGES.find(({ from, to }) => from.test(before.type) && to.test(after.type));
  // A number that is no longer in the key may be rounded from now on.
  const isRounded = affinityOf(after.type, after.numeric) !== affinityOf(after.type) && affinityOf(before.type, before.numeric) !== affinityOf(after.type, after.numeric);
  if (change === undefined && !isRounded) return undefined;
  const bind = valueOf(after.type, after.numeric);
  return (value) => {
    const text = canonical(before.type, value);
    return text === null ? null : bind(change === undefined ? text : change.text(text));
  };
}
