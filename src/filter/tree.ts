/**
 * The tree of a row filter (docs/filters.md): the one form that the text, the SQL for
 * Postgres and the test of a row without Postgres are all made from.
 */
import { DeltaError } from '../errors.js';

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=';

export interface ColumnRef { readonly kind: 'column'; readonly name: string; readonly at: number }
export interface Literal {
  readonly kind: 'text' | 'number' | 'boolean';
  /** Without quotes; a number with its sign; `true` or `false`. */
  readonly value: string;
  readonly at: number;
}
export type Operand = ColumnRef | Literal;

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly part: Condition }
  | { readonly kind: 'compare'; readonly operator: Comparison; readonly left: Operand; readonly right: Operand }
  | { readonly kind: 'between'; readonly negated: boolean; readonly column: ColumnRef; readonly low: Operand; readonly high: Operand }
  | { readonly kind: 'in'; readonly negated: boolean; readonly column: ColumnRef; readonly values: readonly Literal[] }
  | { readonly kind: 'like'; readonly negated: boolean; readonly column: ColumnRef; readonly pattern: string }
  | { readonly kind: 'null'; readonly negated: boolean; readonly column: ColumnRef }
  | { readonly kind: 'truth'; readonly negated: boolean; readonly value: boolean; readonly part: Condition }
  /** A boolean column that stands alone. */
  | { readonly kind: 'bare'; readonly column: ColumnRef };

const SHOWN_CHARACTERS = 60;

/** A usage error about a filter: the text (its beginning, where it is long), the reason, and where. */
export function filterError(text: string, reason: string, at?: number, hint?: string): DeltaError {
  const place = at === undefined ? '' : `, at character ${[...text.slice(0, at)].length + 1}`;
  return new DeltaError('usage', `--where ${shown(text)}: ${reason}${place}`, hint === undefined ? {} : { hint });
}

/** A text of the user's on one line, cut where it is long. */
export function shown(text: string): string {
  const characters = [...text.slice(0, 2 * SHOWN_CHARACTERS + 2)];
  const cut = characters.length > SHOWN_CHARACTERS ? `${characters.slice(0, SHOWN_CHARACTERS).join('')}…` : characters.join('');
  return cut.replace(/[\p{Cc}\p{Cs}\u2028\u2029]/gu, ' ');
}
