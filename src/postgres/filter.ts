/**
 * A row filter as SQL, for the import's COPY. It has to choose the very rows that the filter's
 * own test of a row (src/filter/holds.ts) chooses, whatever operators, casts, collations and
 * settings the database has: operators and types are those of pg_catalog by name, and texts
 * compare by their bytes in UTF-8, whatever collation and encoding the database has.
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
      const [value, type] = values.every((text) => isIndexable(column.type, text)) ? [quoteName(column.name), 'pg_catalog.int8'] : [valueSql(column, of), TYPES[of]];
      const found = `(${value} ${operatorSql('=')} ANY (ARRAY[${values.map((text) => inputSql(text, of)).join(', ')}]::${type}[]))`;
      return condition.negated ? `(NOT ${found})` : found;
    }
    case 'like': {
      const found = likeSql(condition.column, condition.pattern);
      return condition.negated ? `(NOT ${found})` : found;
    }
    // IS NULL would ask a composite value whether all its fields are null.
    case 'null': return `(${quoteName(condition.column.name)} IS ${condition.negated ? '' : 'NOT '}DISTINCT FROM NULL)`;
    case 'truth': return `(${conditionSql(condition.part)} IS ${condition.negated ? 'NOT ' : ''}${condition.value ? 'TRUE' : 'FALSE'})`;
    case 'bare': return `(${valueSql(condition.column, 'boolean')})`;
  }
}

function comparisonSql({ class: of, operator, left, right }: BoundComparison): string {
  if (right.kind === 'literal' && isIndexable(left.type, right.text)) {
    return `(${quoteName(left.name)} ${operatorSql(operator)} ${quoteLiteral(right.text)}::pg_catalog.int8)`;
  }
  return `(${operandSql(left, of)} ${operatorSql(operator)} ${operandSql(right, of)})`;
}

/**
 * Without `_` a pattern fits the same bytes as characters. With it, characters have to be counted,
 * which Postgres does in the database's encoding: where that counts otherwise (SQL_ASCII counts
 * bytes), or cannot spell the pattern, the copy fails by a cast that says so.
 */
function likeSql(column: BoundColumn, pattern: string): string {
  const bytes = valueSql(column, 'text');
  const wanted = `${inputSql(pattern, 'text')}::pg_catalog.bytea`;
  if (!pattern.includes('_')) return `(${bytes} OPERATOR(pg_catalog.~~) ${wanted})`;
  const text = `${quoteName(column.name)}::pg_catalog.text`;
  const spelled = `${quoteLiteral(pattern)}::pg_catalog.text`;
  return `(CASE WHEN ${text} IS NULL THEN NULL`
    + ` WHEN pg_catalog.length(${bytes}, 'UTF8') ${operatorSql('=')} pg_catalog.length(${text}) AND ${utf8(spelled)} ${operatorSql('=')} ${wanted}`
    + ` THEN (${text} COLLATE pg_catalog."C") OPERATOR(pg_catalog.~~) ${spelled}`
    + ` ELSE pg_catalog.concat('LIKE with _ cannot be told in the encoding ', pg_catalog.getdatabaseencoding())::pg_catalog.bool END)`;
}

/** An integer column that stands alone lets Postgres use an index of it. */
function isIndexable(type: string, literal: string): boolean {
  return ['smallint', 'integer', 'bigint'].includes(type) && /^-?\d{1,18}$/.test(literal);
}

function operandSql(operand: BoundOperand, of: Class): string {
  return operand.kind === 'column' ? valueSql(operand, of) : `${inputSql(operand.text, of)}::${TYPES[of]}`;
}

/** A literal as its class's type reads it. Texts are bytes, so that no encoding of the database changes them on the way. */
function inputSql(text: string, of: Class): string {
  return of === 'text' || of === 'exact' ? quoteLiteral(`\\x${Buffer.from(text).toString('hex')}`) : quoteLiteral(text);
}

/** A column's value as its class compares it. */
function valueSql({ name, type }: BoundColumn, of: Class): string {
  const column = quoteName(name);
  switch (of) {
    case 'decimal': return bareType(type) === 'oid' ? `${column}::pg_catalog.int8::pg_catalog.numeric` : `${column}::pg_catalog.numeric`;
    // A real by its shortest text, as the log has it: its own bits name another double.
    case 'float': return type === 'real' ? `${column}::pg_catalog.text::pg_catalog.float8` : `${column}::pg_catalog.float8`;
    case 'text': return utf8(`${column}::pg_catalog.text`);
    // A cast to text may be the type's owner's; format() calls the output function, as COPY does. It makes '' of NULL.
    case 'exact': return utf8(`CASE WHEN ${column} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', ${column}) END`);
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
  text: 'pg_catalog.bytea',
  uuid: 'pg_catalog.uuid',
  date: 'pg_catalog.date',
  time: 'pg_catalog.time',
  timestamp: 'pg_catalog.timestamp',
  timestamptz: 'pg_catalog.timestamptz',
  exact: 'pg_catalog.bytea',
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
