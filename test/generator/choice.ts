/** What a host chooses of a seed's tables: columns, rows, names and how numbers are held. */
import { written } from '../../src/daystream/pattern.js';
import type { BoundFilter } from '../../src/filter/bind.js';
import type { Asked } from '../../src/import/asked.js';
import { folded } from '../../src/sqlite/names.js';
import type { Numeric } from '../../src/sqlite/values.js';
import { Random } from '../support/random.js';
import type { Shape } from './equality.js';
import { randomFilter, type Filterable } from './filters.js';
import { ident, Names } from './names.js';
import { qualified, shuffled } from './table.js';
import type { Schema } from './tables.js';

/** What is chosen of one table; what is undefined is as in Postgres. */
export interface ChosenTable {
  readonly shape: Shape;
  readonly as: string | undefined;
  /** Names in the cache, by names in Postgres. */
  readonly names: ReadonlyMap<string, string>;
  readonly columns: readonly string[] | undefined;
  readonly filter: BoundFilter | undefined;
}

export interface Choice {
  readonly schema: string;
  readonly numeric: Numeric | undefined;
  readonly tables: readonly ChosenTable[];
  /** Patterns of tables that are imported again into a cache that holds all. */
  readonly again: readonly string[];
}

/** A seed's choice, of numbers of its own: what happens to the tables is the same with it and without it. */
export function choose(schema: Schema, shapes: readonly Shape[]): Choice {
  const random = new Random(schema.seed ^ 0x5eed0000);
  const own = shapes.filter((shape) => shape.schema === schema.name).sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = new Names(random);
  const tables = own.map((shape) => chooseOf(random, shape, columnsOf(schema, shape), () => `${names.next('r')} ${schema.seed}`));
  const again = random.below(3) === 0 ? shuffled(random, own).slice(0, 1 + random.below(2)) : [];
  return { schema: schema.name, tables, numeric: random.pick([undefined, undefined, 'real']), again: again.map(({ name }) => written(schema.name, name)) };
}

/** As the import's options say it. */
export function askedOf({ tables, numeric }: Choice): Asked {
  return {
    numeric,
    rename: tables.flatMap(({ shape, as, names }) => [
      ...(as === undefined ? [] : [`${qualified(shape)}=${ident(as)}`]),
      ...[...names].map(([name, other]) => `${qualified(shape)}.${ident(name)}=${ident(other)}`),
    ]),
    columns: tables.flatMap(({ shape, columns }) => (columns === undefined ? [] : [`${qualified(shape)}=${columns.map(ident).join(',')}`])),
    where: tables.flatMap(({ shape, filter }) => (filter === undefined ? [] : [`${qualified(shape)}: ${filter.filter.text}`])),
  };
}

interface Source extends Filterable {
  readonly keyed: boolean;
}

/** The table's columns, or those of the table whose partition it is, as the catalog and the generator know them. */
function columnsOf(schema: Schema, shape: Shape): Source[] {
  const table = schema.tables.find(({ name, leaves }) => name === shape.name || leaves.includes(qualified(shape)))!;
  return shape.columns.map(({ name, type }) => {
    const column = table.columns.find((candidate) => candidate.name === name)!;
    return { name, type, from: column.type, keyed: column.keyed };
  });
}

function chooseOf(random: Random, shape: Shape, columns: readonly Source[], name: () => string): ChosenTable {
  const keyed = columns.filter((column) => column.keyed);
  return {
    shape,
    as: random.below(3) === 0 ? name() : undefined,
    names: random.below(3) === 0 ? renamed(random, columns) : new Map(),
    columns: random.below(2) === 0 ? someOf(random, columns.map((column) => column.name)) : undefined,
    // By the key alone a row's line says whether it was in; else the cache has to.
    filter: random.below(3) === 0 ? undefined : randomFilter(random, keyed.length > 0 && random.below(3) === 0 ? keyed : columns),
  };
}

function someOf<T>(random: Random, items: readonly T[]): T[] {
  return shuffled(random, items).slice(0, 1 + random.below(items.length));
}

/** New names, or those of other columns: each takes the next one's. */
function renamed(random: Random, columns: readonly { readonly name: string }[]): Map<string, string> {
  const some = someOf(random, columns.map(({ name }) => name));
  if (random.below(4) === 0) return new Map(some.map((name, i) => [name, some[(i + 1) % some.length]]));
  const names = new Names(random);
  const taken = new Set(columns.map(({ name }) => folded(name)));
  return new Map(some.map((name) => {
    let other = names.next('r');
    while (taken.has(folded(other))) other = names.next('r');
    return [name, other];
  }));
}
