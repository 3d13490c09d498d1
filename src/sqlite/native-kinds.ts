/** The letter by which native/value.h knows the conversion of a column's values. */
import { kindOf, type Numeric } from './values.js';

/** What `valueOf` does with this type's text, as a letter; `o` where only TypeScript does it. */
export function nativeKind(type: string, numeric: Numeric = 'text'): string {
  switch (kindOf(type)) {
    case 'integer': return 'i';
    case 'boolean': return 'b';
    case 'float': return 'f';
    case 'numeric': return numeric === 'real' ? 'r' : 't';
    case 'money': return numeric === 'real' ? 'o' : 't';
    case 'bytea': return 'x';
    case 'timestamptz': return 'z';
    case 'array': return 'o';
    case 'text': return 't';
  }
}
