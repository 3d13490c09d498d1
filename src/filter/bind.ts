/** A filter meets a table: names become columns, literals become values of their types, or it is refused. */
import type { BoundColumn, BoundComparison, BoundCondition, BoundOperand } from './bound.js';
import { classOf, type Class } from './classes.js';
import { compileCondition, type RowValues } from './holds.js';
import { expectedLiteral, readLiteral } from './literal.js';
import { nearest } from './nearest.js';
import type { Filter } from './parse.js';
import { quoteName } from './print.js';
import { filterError, shown, type ColumnRef, type Comparison, type Condition, type Literal, type Operand } from './tree.js';

export interface FilterColumn {
  readonly name: string;
  /** As in the log's schema line: under all domains, in Postgres's spelling with its modifier. */
  readonly type: string;
}

export interface BoundFilter {
  readonly filter: Filter;
  readonly condition: BoundCondition;
  /** True where the row is in. `value(name)` gives Postgres's text, null for NULL. */
  holds(value: RowValues): boolean;
}

/** Throws DeltaError usage: no such column, types that do not go together, a literal that is no value of its column's type. */
export function bindFilter(filter: Filter, columns: readonly FilterColumn[]): BoundFilter {
  const condition = new Binder(filter, columns).condition(filter.condition);
  const truth = compileCondition(condition);
  return { filter, condition, holds: (value) => truth(value) === true };
}

/** Operators that are read from right to left when the sides are swapped. */
const MIRRORED: Readonly<Record<Comparison, Comparison>> = { '=': '=', '<>': '<>', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

class Binder {
  readonly #types: ReadonlyMap<string, string>;

  constructor(readonly filter: Filter, columns: readonly FilterColumn[]) {
    this.#types = new Map(columns.map(({ name, type }) => [name, type]));
  }

  condition(condition: Condition): BoundCondition {
    switch (condition.kind) {
      case 'and':
      case 'or': return { kind: condition.kind, parts: condition.parts.map((part) => this.condition(part)) };
      case 'not': return { kind: 'not', part: this.condition(condition.part) };
      case 'compare': return this.#compare(condition.operator, condition.left, condition.right);
      case 'between': return this.#between(condition);
      case 'in': {
        const column = this.#column(condition.column);
        const of = this.#comparable(column, '=');
        return { kind: 'in', class: of, negated: condition.negated, column, values: condition.values.map((value) => this.#literal(value, column, of)) };
      }
      case 'like': return { kind: 'like', negated: condition.negated, column: this.#textColumn(condition.column), pattern: condition.pattern };
      case 'null': return { kind: 'null', negated: condition.negated, column: this.#column(condition.column) };
      case 'truth': return { kind: 'truth', negated: condition.negated, value: condition.value, part: this.condition(condition.part) };
      case 'bare': return { kind: 'bare', column: this.#booleanColumn(condition.column) };
    }
  }

  #compare(operator: Comparison, left: Operand, right: Operand): BoundComparison {
    if (left.kind === 'column') return this.#compareColumn(operator, left, right);
    if (right.kind === 'column') return this.#compareColumn(MIRRORED[operator], right, left);
    throw new Error('the parser lets no comparison through that has no column');
  }

  #compareColumn(operator: Comparison, left: ColumnRef, right: Operand): BoundComparison {
    const column = this.#column(left);
    const of = this.#comparable(column, operator);
    return { kind: 'compare', class: of, operator, left: column, right: this.#counterpart(right, column, of) };
  }

  #between({ negated, column, low, high }: Condition & { kind: 'between' }): BoundCondition {
    const both: BoundCondition = { kind: 'and', parts: [this.#compareColumn('>=', column, low), this.#compareColumn('<=', column, high)] };
    return negated ? { kind: 'not', part: both } : both;
  }

  #counterpart(operand: Operand, column: BoundColumn, of: Class): BoundOperand {
    if (operand.kind !== 'column') return { kind: 'literal', text: this.#literal(operand, column, of) };
    const other = this.#column(operand);
    const together = of === 'exact' ? other.type === column.type : classOf(other.type) === of;
    if (!together) throw this.#error(`${described(column)} and ${described(other)} do not compare`);
    return other;
  }

  #literal(literal: Literal, column: BoundColumn, of: Class): string {
    const text = readLiteral(literal, of, column.type);
    if (text !== undefined) return text;
    const written = literal.kind === 'text' ? `'${shown(literal.value)}'` : shown(literal.value);
    throw this.#error(`${described(column)}, and ${written} is no value of it`, `write ${expectedLiteral(of)}`);
  }

  /** The class by which a column is compared; refused where it has no such comparison. */
  #comparable(column: BoundColumn, operator: Comparison): Class {
    const of = classOf(column.type);
    if (of === 'opaque') throw this.#error(`${described(column)}, a type that a filter does not compare`, `write ${quoteName(column.name)} IS NULL or IS NOT NULL, or choose by another column`);
    if (of === 'exact' && operator !== '=' && operator !== '<>') {
      throw this.#error(`${described(column)}, whose order a text does not tell: ${operator} is refused`, 'write =, <>, IN or IS NULL');
    }
    return of;
  }

  #textColumn(reference: ColumnRef): BoundColumn {
    const column = this.#column(reference);
    if (classOf(column.type) === 'text') return column;
    throw this.#error(`${described(column)}, and LIKE is for text, varchar, char and name`);
  }

  #booleanColumn(reference: ColumnRef): BoundColumn {
    const column = this.#column(reference);
    if (classOf(column.type) === 'boolean') return column;
    throw this.#error(`${described(column)} and cannot stand alone as a condition`, `compare it, as in ${quoteName(column.name)} IS NOT NULL`);
  }

  #column({ name }: ColumnRef): BoundColumn {
    const type = this.#types.get(name);
    if (type !== undefined) return { kind: 'column', name, type };
    const near = nearest(name, [...this.#types.keys()]);
    const known = [...this.#types.keys()].map(quoteName).join(', ');
    throw this.#error(`no column ${shown(quoteName(name))}`, near === undefined ? `the columns are ${cut(known)}` : `did you mean ${quoteName(near)}?`);
  }

  #error(reason: string, hint?: string): Error {
    return filterError(this.filter.text, reason, undefined, hint);
  }
}

function described({ name, type }: BoundColumn): string {
  return `${shown(quoteName(name))} is ${shown(type)}`;
}

/** A wide table's columns do not fit in one line. */
function cut(list: string): string {
  return list.length > 300 ? `${list.slice(0, list.lastIndexOf(',', 300))}, …` : list;
}
