/**
 * The test of a row without Postgres, over the texts that Postgres printed. The tree becomes
 * closures once; a row then costs a call for each condition that is looked at.
 */
import type { BoundColumn, BoundComparison, BoundCondition } from './bound.js';
import { bareType, isPadded, type Class } from './classes.js';
import { compareDecimals, compareFloats, plainDecimal } from './numbers.js';
import { likePattern } from './like.js';
import { compareTexts, withoutPadding } from './text.js';
import { compareTimes } from './time.js';
import type { Comparison } from './tree.js';

/** The texts of a row's columns by name, null for NULL. */
export type RowValues = (name: string) => string | null;

/** SQL's three truths; null is unknown. */
type Truth = boolean | null;
type Test = (value: RowValues) => Truth;

export function compileCondition(condition: BoundCondition): Test {
  switch (condition.kind) {
    case 'and': return every(condition.parts.map(compileCondition), false);
    case 'or': return every(condition.parts.map(compileCondition), true);
    case 'not': return not(compileCondition(condition.part));
    case 'compare': return compare(condition);
    case 'in': {
      const found = ofColumn(condition.column, oneOf(condition.column, condition.class, condition.values));
      return condition.negated ? not(found) : found;
    }
    case 'like': {
      const [fits, text] = [likePattern(condition.pattern), readerOf(condition.column)];
      const found = ofColumn(condition.column, (raw) => fits(text(raw)));
      return condition.negated ? not(found) : found;
    }
    case 'null': {
      const { negated, column: { name } } = condition;
      return (value) => (value(name) === null) !== negated;
    }
    case 'truth': {
      const { negated, value: wanted } = condition;
      const part = compileCondition(condition.part);
      return (value) => (part(value) === wanted) !== negated;
    }
    case 'bare': return ofColumn(condition.column, (text) => text === 't');
  }
}

/** AND, which one false decides, and OR, which one true decides; else one unknown makes it unknown. */
function every(parts: readonly Test[], decisive: boolean): Test {
  return (value) => {
    let truth: Truth = !decisive;
    for (const part of parts) {
      const one = part(value);
      if (one === decisive) return decisive;
      if (one === null) truth = null;
    }
    return truth;
  };
}

function not(part: Test): Test {
  return (value) => {
    const truth = part(value);
    return truth === null ? null : !truth;
  };
}

function ofColumn({ name }: BoundColumn, test: (text: string) => boolean): Test {
  return (value) => {
    const text = value(name);
    return text === null ? null : test(text);
  };
}

function compare({ class: of, operator, left, right }: BoundComparison): Test {
  if (right.kind === 'column') return compareColumns(of, operator, left, right);
  if (operator === '=') return ofColumn(left, oneOf(left, of, [right.text]));
  if (operator === '<>') return not(ofColumn(left, oneOf(left, of, [right.text])));
  const [order, fits, text, bound] = [ORDERS[of], FITS[operator], readerOf(left), right.text];
  return ofColumn(left, (raw) => fits(order(text(raw), bound)));
}

function compareColumns(of: Class, operator: Comparison, left: BoundColumn, right: BoundColumn): Test {
  const [order, fits, textLeft, textRight] = [ORDERS[of], FITS[operator], readerOf(left), readerOf(right)];
  return (value) => {
    const [a, b] = [value(left.name), value(right.name)];
    return a === null || b === null ? null : fits(order(textLeft(a), textRight(b)));
  };
}

/** One look-up however many values there are: they are equal where their keys are the same. */
function oneOf(column: BoundColumn, of: Class, values: readonly string[]): (raw: string) => boolean {
  const key = keyOf(column, of);
  if (key === same && values.length === 1) {
    const [only] = values;
    return (raw) => raw === only;
  }
  // A Set takes NaN for itself and 0 for -0, as Postgres does.
  const keys = new Set(values.map(key));
  return (raw) => keys.has(key(raw));
}

function keyOf(column: BoundColumn, of: Class): (raw: string) => string | number {
  if (of === 'float') return Number;
  if (of === 'decimal') return bareType(column.type) === 'numeric' ? plainDecimal : same;
  return readerOf(column);
}

/** What of Postgres's text is the value. */
function readerOf({ type }: BoundColumn): (raw: string) => string {
  return isPadded(type) ? withoutPadding : same;
}

function same(text: string): string {
  return text;
}

const ORDERS: Readonly<Record<Class, (a: string, b: string) => number>> = {
  decimal: compareDecimals,
  float: compareFloats,
  boolean: compareTexts, // f, t
  text: compareTexts,
  uuid: compareTexts,
  date: compareTimes,
  time: compareTexts,
  timestamp: compareTimes,
  timestamptz: compareTimes,
  exact: compareTexts, // bound for = and <> alone
  opaque: compareTexts, // never bound
};

const FITS: Readonly<Record<Comparison, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};
