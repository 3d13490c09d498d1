/** Random row filters that bind to a table (docs/filters.md). Their literals are the generator's own values, so that rows move in and out. */
import { DeltaError } from '../../src/errors.js';
import { bindFilter, type BoundFilter } from '../../src/filter/bind.js';
import { parseFilter } from '../../src/filter/parse.js';
import type { Random } from '../support/random.js';
import { ident, literal } from './names.js';
import type { Type } from './values.js';

export interface Filterable {
  readonly name: string;
  /** As in the log's schema line. */
  readonly type: string;
  /** What gives the column's values. */
  readonly from: Type;
}

type Make = (random: Random, column: Filterable, columns: readonly Filterable[]) => string;

const ATOMS: readonly Make[] = [compare, compare, compare, within, within, between, like, pair, isNull, bare];

/** One condition or several. */
export function randomFilter(random: Random, columns: readonly Filterable[]): BoundFilter {
  return bound(condition(random, columns, 2), columns);
}

function condition(random: Random, columns: readonly Filterable[], depth: number): string {
  if (depth === 0) return atom(random, columns);
  const part = () => condition(random, columns, depth - 1);
  switch (random.below(7)) {
    case 0: return `(${part()}) AND (${part()})`;
    case 1: return `(${part()}) OR (${part()})`;
    case 2: return `NOT (${part()})`;
    case 3: return `(${part()}) IS ${random.pick(['', 'NOT '])}${random.pick(['TRUE', 'FALSE'])}`;
    default: return atom(random, columns);
  }
}

/** The first that binds; IS NULL always does. */
function atom(random: Random, columns: readonly Filterable[]): string {
  for (;;) {
    const text = random.pick(ATOMS)(random, random.pick(columns), columns);
    try {
      bound(text, columns);
      return text;
    } catch (error) {
      if (!(error instanceof DeltaError)) throw error;
    }
  }
}

function bound(text: string, columns: readonly Filterable[]): BoundFilter {
  return bindFilter(parseFilter(text), columns);
}

const operator = (random: Random) => random.pick(['=', '<>', '!=', '<', '<=', '>', '>=']);

function compare(random: Random, column: Filterable): string {
  const sides = [ident(column.name), value(random, column)];
  return (random.below(4) === 0 ? sides.reverse() : sides).join(` ${operator(random)} `);
}

function within(random: Random, column: Filterable): string {
  return `${ident(column.name)} ${random.pick(['', 'NOT '])}IN (${Array.from({ length: 1 + random.below(4) }, () => value(random, column)).join(', ')})`;
}

function between(random: Random, column: Filterable): string {
  return `${ident(column.name)} ${random.pick(['', 'NOT '])}BETWEEN ${value(random, column)} AND ${value(random, column)}`;
}

function like(random: Random, column: Filterable): string {
  const characters = [...text(random, column)].slice(0, 8);
  characters.splice(random.below(characters.length + 1), random.below(3), random.pick(['%', '%', '_', '\\%', '%_']));
  return `${ident(column.name)} ${random.pick(['', 'NOT '])}LIKE ${literal(characters.join(''))}`;
}

function pair(random: Random, column: Filterable, columns: readonly Filterable[]): string {
  return `${ident(column.name)} ${operator(random)} ${ident(random.pick(columns).name)}`;
}

function isNull(random: Random, column: Filterable): string {
  return `${ident(column.name)} IS ${random.pick(['', 'NOT '])}NULL`;
}

function bare(_: Random, column: Filterable): string {
  return ident(column.name);
}

/** A value of the column's as a filter writes it. */
function value(random: Random, column: Filterable): string {
  if (column.type === 'boolean') return random.pick(['true', 'false']);
  const said = text(random, column);
  return /^-?\d+(\.\d+)?$/.test(said) && random.below(2) === 0 && !column.type.startsWith('char') ? said : literal(said);
}

function text(random: Random, { from }: Filterable): string {
  return from.random !== undefined && random.below(3) === 0 ? from.random(random) : random.pick(from.edges);
}
