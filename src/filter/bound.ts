/**
 * A filter bound to a table's columns: what is compared, as which class, with literals in normal
 * form. Postgres's SQL (src/postgres/filter.ts) and the test of a row (holds.ts) are both made
 * from it, case by case.
 */
import type { Class } from './classes.js';
import type { Comparison } from './tree.js';

export interface BoundColumn {
  readonly kind: 'column';
  readonly name: string;
  readonly type: string;
}
export interface BoundLiteral { readonly kind: 'literal'; readonly text: string }
export type BoundOperand = BoundColumn | BoundLiteral;

export interface BoundComparison {
  readonly kind: 'compare';
  readonly class: Class;
  readonly operator: Comparison;
  readonly left: BoundColumn;
  readonly right: BoundOperand;
}
export interface BoundList {
  readonly kind: 'in';
  readonly class: Class;
  readonly negated: boolean;
  readonly column: BoundColumn;
  readonly values: readonly string[];
}

export type BoundCondition =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly BoundCondition[] }
  | { readonly kind: 'not'; readonly part: BoundCondition }
  | BoundComparison
  | BoundList
  | { readonly kind: 'like'; readonly negated: boolean; readonly column: BoundColumn; readonly pattern: string }
  | { readonly kind: 'null'; readonly negated: boolean; readonly column: BoundColumn }
  | { readonly kind: 'truth'; readonly negated: boolean; readonly value: boolean; readonly part: BoundCondition }
  | { readonly kind: 'bare'; readonly column: BoundColumn };
