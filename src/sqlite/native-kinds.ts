/** The letter by which native/value.h knows the conversion of a column's values. */
import { delimiterOf, elementOf, kindOf, type Numeric } from './values.js';

/** What `valueOf` does with this type's text, as a letter; `o` where only TypeScript does it. */
export function nativeKind(type: string, numeric: Numeric = 'text'): string {
  switch (kindOf(type)) {
    case 'integer': return 'i';
    case 'boolean': return 'b';
    case 'float': return 'f';
    case 'numeric': return numeric === 'real' ? 'r' : 't';
    case 'money': return numeric === 'real' ? 'm' : 't';
    case 'bytea': return 'x';
    case 'timestamptz': return 'z';
    case 'array': return delimiterOf(type) === ',' ? arrayKind(elementOf(type)) : 'o';
    case 'text': return 't';
  }
}

/** Of an array, by the type of its elements. */
function arrayKind(element: string): string {
  switch (kindOf(element)) {
    case 'integer':
    case 'float':
    case 'numeric': return 'N';
    case 'boolean': return 'B';
    case 'timestamptz': return 'Z';
    case 'money':
    case 'bytea':
    case 'array':
    case 'text': return 'T';
  }
}
