/** Columns of random types, and what makes them. */
import type { Random } from '../support/random.js';
import { ident, type Names } from './names.js';
import type { Column } from './table.js';
import { anyType, typeNamed, type OwnTypes } from './values.js';

/** What makes tables in one schema. */
export interface Maker {
  readonly random: Random;
  readonly schema: string;
  /** Of tables, types and indexes. */
  readonly names: Names;
  readonly own: OwnTypes;
}

/** Columns beside the key; one name source a table. */
export function otherColumns({ random, own }: Maker, names: Names, most = 6): Column[] {
  const columns: Column[] = Array.from({ length: 1 + random.below(most) }, () => {
    const type = anyType(random, own);
    return { name: names.next('c'), type, notNull: random.below(6) === 0, keyed: false };
  });
  if (random.below(3) === 0) columns.push(generated(random, names, columns));
  return columns;
}

/** A stored generated column over a text, or over nothing. */
function generated(random: Random, names: Names, columns: readonly Column[]): Column {
  const from = columns.find(({ type }) => type.sql === 'text');
  const [type, expression] = from !== undefined
    ? random.pick([['text', `${ident(from.name)} || '!'`], ['integer', `length(${ident(from.name)})`]])
    : ['boolean', `${ident(columns[0].name)} IS NULL`];
  return { name: names.next('g'), type: typeNamed(type), notNull: false, keyed: false, suffix: `GENERATED ALWAYS AS (${expression}) STORED`, given: true };
}
