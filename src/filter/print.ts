/** A filter's canonical text: one spelling for each tree, which parses to that tree. */
import type { ColumnRef, Condition, Literal, Operand } from './tree.js';
import { KEYWORDS, REFUSED } from './words.js';

export function printCondition(condition: Condition): string {
  switch (condition.kind) {
    // Every part that binds no tighter than its surroundings stands in parentheses.
    case 'and': return condition.parts.map((part) => parenthesized(part, ['and', 'or'])).join(' AND ');
    case 'or': return condition.parts.map((part) => parenthesized(part, ['or'])).join(' OR ');
    case 'not': return `NOT ${parenthesized(condition.part, ['and', 'or'])}`;
    case 'compare': return `${printOperand(condition.left)} ${condition.operator} ${printOperand(condition.right)}`;
    case 'between': return `${printName(condition.column)}${not(condition.negated)} BETWEEN ${printOperand(condition.low)} AND ${printOperand(condition.high)}`;
    case 'in': return `${printName(condition.column)}${not(condition.negated)} IN (${condition.values.map(printLiteral).join(', ')})`;
    case 'like': return `${printName(condition.column)}${not(condition.negated)} LIKE ${quoteText(condition.pattern)}`;
    case 'null': return `${printName(condition.column)} IS${not(condition.negated)} NULL`;
    case 'truth': {
      const part = condition.part.kind === 'bare' ? printName(condition.part.column) : `(${printCondition(condition.part)})`;
      return `${part} IS${not(condition.negated)} ${condition.value ? 'TRUE' : 'FALSE'}`;
    }
    case 'bare': return printName(condition.column);
  }
}

/** A column's name as it must be written in a filter. */
export function quoteName(name: string): string {
  const plain = /^[a-z_][a-z0-9_]*$/.test(name) && !KEYWORDS.has(name) && !REFUSED.has(name);
  return plain ? name : `"${name.replaceAll('"', '""')}"`;
}

function parenthesized(part: Condition, kinds: readonly Condition['kind'][]): string {
  return kinds.includes(part.kind) ? `(${printCondition(part)})` : printCondition(part);
}

function not(negated: boolean): string {
  return negated ? ' NOT' : '';
}

function printOperand(operand: Operand): string {
  return operand.kind === 'column' ? printName(operand) : printLiteral(operand);
}

function printName({ name }: ColumnRef): string {
  return quoteName(name);
}

function printLiteral({ kind, value }: Literal): string {
  switch (kind) {
    case 'text': return quoteText(value);
    case 'number':
    case 'boolean': return value;
  }
}

function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
