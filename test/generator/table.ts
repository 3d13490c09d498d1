/** A table of the generator, as the statements need to know it. */
import type { Random } from '../support/random.js';
import { ident } from './names.js';
import { keyValueOf, valueOf, type Type } from './values.js';

export interface Column {
  readonly name: string;
  readonly type: Type;
  readonly notNull: boolean;
  /** In the key or in the partition key: its values are few and short. */
  readonly keyed: boolean;
  /** What follows the type in CREATE TABLE, such as DEFAULT or GENERATED. */
  readonly suffix?: string;
  /** Postgres gives the value: INSERT and UPDATE do not name it. */
  readonly given?: boolean;
}

export interface Table {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly Column[];
  /** Names of the columns by which rows are told apart; none without a key. */
  readonly key: readonly string[];
  /** ON CONFLICT may name the key. */
  readonly arbiter: boolean;
  /** UPDATE and DELETE are logged with an old key. */
  readonly changeable: boolean;
  /** The key may be broken within a transaction. */
  readonly deferrable: boolean;
  /** Qualified names of the partitions that hold rows. */
  readonly leaves: readonly string[];
  /** Makes it, and all that belongs to it. */
  readonly ddl: readonly string[];
  /** ALTERs that come when there are rows already. */
  readonly later: readonly string[];
}

export function qualified({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return `${ident(schema)}.${ident(name)}`;
}

export function columnSql({ name, type, notNull, suffix }: Column): string {
  return `${ident(name)} ${type.sql}${notNull ? ' NOT NULL' : ''}${suffix === undefined ? '' : ` ${suffix}`}`;
}

/** The columns that INSERT and UPDATE name. */
export function settable(table: Table): Column[] {
  return table.columns.filter(({ given }) => given !== true);
}

export function keyColumns(table: Table): Column[] {
  return table.key.map((name) => table.columns.find((column) => column.name === name)!);
}

/** A value for a column, NULL every now and then. */
export function cell(random: Random, { type, notNull, keyed }: Column): string {
  if (!notNull && random.below(5) === 0) return `NULL::${type.sql}`;
  return keyed ? keyValueOf(random, type) : valueOf(random, type, true);
}

export function rowValues(random: Random, columns: readonly Column[]): string {
  return `(${columns.map((column) => cell(random, column)).join(', ')})`;
}

export function nameList(columns: readonly { readonly name: string }[]): string {
  return columns.map(({ name }) => ident(name)).join(', ');
}

export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(random.below(rest.length), 1)[0]);
}
