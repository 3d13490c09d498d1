/**
 * A row filter as SQL, for the import's COPY. It has to choose the very rows that the filter's
 * own test of a row (src/filter/holds.ts) chooses, whatever operators, casts, collations and
 * settings the database has: operators and types are those of pg_catalog by name, and texts
 * compare by their bytes.
 */
import type { BoundFilter } from '../filter/bind.js';
import type { BoundColumn, BoundComparison, BoundCondition, BoundOperand } from '../filter/bound.js';
import { bareType, type Class } from '../filter/classes.js';
import type { Comparison } from '../filter/tree.js';

/** A boolean expression for a WHERE clause over the bare names of the table's columns. */
export function filterSql(bound: BoundFilter): string {
  return conditionSql(bound.condition);
}

function conditionSql(condition: BoundCondition): string {
  switch (condition.kind) {
    case 'and': return `(${condition.parts.map(conditionSql).join(' AND ')})`;
    case 'or': return `(${condition.parts.map(conditionSql).join(' OR ')})`;
    case 'not': return `(NOT ${conditionSql(condition.part)})`;
    case 'compare': return comparisonSql(condition);
    case 'in': {
      const { class: of, column, values } = condition;
      const found = `(${valueSql(column, of)} ${operatorSql('=')} ANY (ARRAY[${values.map(quoteLiteral).join(', ')}]::${TYPES[of]}[]))`;
      return condition.negated ? `(NOT ${found})` : found;
    }
    case 'like': return `(${valueSql(condition.column, 'text')} OPERATOR(pg_catalog.${condition.negated ? '!~~' : '~~'}) ${quoteLiteral(condition.pattern)}::${TYPES.text})`;
    // IS NULL would ask a composite value whether all its fields are null.
    case 'null': return `(${quoteName(condition.column.name)} IS ${condition.negated ? '' : 'NOT '}DISTINCT FROM NULL)`;
    case 'truth': return `(${conditionSql(condition.part)} IS ${condition.negated ? 'NOT ' : ''}${condition.value ? 'TRUE' : 'FALSE'})`;
    case 'bare': return `(${valueSql(condition.column, 'boolean')})`;
  }
}

function comparisonSql({ class: of, operator, left, right }: BoundComparison): string {
  if (of === 'decimal' && right.kind === 'literal' && isIndexable(left.type, right.text)) {
    return `(${quoteName(left.name)} ${operatorSql(operator)} ${quoteLiteral(right.text)}::pg_catalog.int8)`;
  }
  const isOrder = operator !== '=' && operator !== '<>';
  const [a, b] = [operandSql(left, of), operandSql(right, of)];
  // The bytes of UTF-8, which a database in another encoding would not compare.
  if (of === 'text' && isOrder) return `(${utf8(a)} ${operatorSql(operator)} ${utf8(b)})`;
  return `(${a} ${operatorSql(operator)} ${b})`;
}

/** An integer column that stands alone lets Postgres use an index of it. */
function isIndexable(type: string, literal: string): boolean {
  return ['smallint', 'integer', 'bigint'].includes(type) && /^-?\d{1,18}$/.test(literal);
}

function operandSql(operand: BoundOperand, of: Class): string {
  return operand.kind === 'column' ? valueSql(operand, of) : `${quoteLiteral(operand.text)}::${TYPES[of]}`;
}

/** A column's value as its class compares it. */
function valueSql({ name, type }: BoundColumn, of: Class): string {
  const column = quoteName(name);
  switch (of) {
    case 'decimal': return bareType(type) === 'oid' ? `${column}::pg_catalog.int8::pg_catalog.numeric` : `${column}::pg_catalog.numeric`;
    // A real by its shortest text, as the log has it: its own bits name another double.
    case 'float': return type === 'real' ? `${column}::pg_catalog.text::pg_catalog.float8` : `${column}::pg_catalog.float8`;
    // The collation "C" compares bytes; a nondeterministic one may call different texts equal.
    case 'text': return `(${column}::pg_catalog.text COLLATE pg_catalog."C")`;
    // A cast to text may be the type's owner's; format() calls the output function, as COPY does. It makes '' of NULL.
    case 'exact': return `(CASE WHEN ${column} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', ${column}) END COLLATE pg_catalog."C")`;
    case 'boolean':
    case 'uuid':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'opaque': return `${column}::${TYPES[of]}`;
  }
}

const TYPES: Readonly<Record<Class, string>> = {
  decimal: 'pg_catalog.numeric',
  float: 'pg_catalog.float8',
  boolean: 'pg_catalog.bool',
  text: 'pg_catalog.text',
  uuid: 'pg_catalog.uuid',
  date: 'pg_catalog.date',
  time: 'pg_catalog.time',
  timestamp: 'pg_catalog.timestamp',
  timestamptz: 'pg_catalog.timestamptz',
  exact: 'pg_catalog.text',
  opaque: 'pg_catalog.text',
};

function operatorSql(operator: Comparison): string {
  return `OPERATOR(pg_catalog.${operator})`;
}

function utf8(text: string): string {
  return `pg_catalog.convert_to(${text}, 'UTF8')`;
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** In the form whose backslashes mean the same whatever standard_conforming_strings is. */
function quoteLiteral(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
