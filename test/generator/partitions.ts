/** Partitioned tables: by range, list and hash, in two levels, with partitions of another shape than their root's. */
import type { Random } from '../support/random.js';
import { otherColumns, type Maker } from './columns.js';
import { ident, Names } from './names.js';
import { columnSql, nameList, qualified, shuffled, type Column, type Table } from './table.js';
import { keyType, typeNamed } from './values.js';

type Method = 'RANGE' | 'LIST' | 'HASH';

const TYPE: Readonly<Record<Method, string>> = { RANGE: 'integer', LIST: 'text', HASH: 'bigint' };
const IDENTITIES = ['key', 'key', 'some full', 'full'] as const;
type Identity = (typeof IDENTITIES)[number];
/** What the partitions of a method hold; together all values. */
const BOUNDS: Readonly<Record<Method, readonly string[]>> = {
  RANGE: ['FOR VALUES FROM (MINVALUE) TO (0)', 'FOR VALUES FROM (0) TO (2)', 'DEFAULT'],
  LIST: ["FOR VALUES IN ('', ' ', '\\N', 'NULL')", "FOR VALUES IN ('a,b', NULL)", 'DEFAULT'],
  HASH: ['FOR VALUES WITH (MODULUS 2, REMAINDER 0)', 'FOR VALUES WITH (MODULUS 4, REMAINDER 1)', 'FOR VALUES WITH (MODULUS 4, REMAINDER 3)'],
};

/** With a primary key, with one and FULL for some of the partitions, or without a key under FULL, which is each partition's own affair. */
export function partitioned(maker: Maker): Table[] {
  const { random, schema } = maker;
  const names = new Names(random);
  const identity = random.pick(IDENTITIES);
  const method = random.pick(['RANGE', 'LIST', 'HASH'] as const);
  const hasKey = identity !== 'full';
  const by: Column = { name: names.next('p'), type: typeNamed(TYPE[method]), notNull: hasKey, keyed: true };
  const below: Column = { name: names.next('q'), type: typeNamed('integer'), notNull: hasKey, keyed: true };
  const key = shuffled(random, [by, below, ...(random.below(2) === 0 ? [{ name: names.next('k'), type: keyType(random, maker.own), notNull: true, keyed: true }] : [])]);
  const columns = shuffled(random, [...key, ...otherColumns(maker, names, 4)]);
  const name = maker.names.next('t');
  const root = qualified({ schema, name });
  const constraint = hasKey ? `, PRIMARY KEY (${nameList(key)})` : '';
  const tree = new Tree(maker, columns, identity);
  tree.divide(root, method, below);
  return [{
    schema, name, columns, key: hasKey ? key.map((column) => column.name) : [], arbiter: hasKey, changeable: true, deferrable: false, leaves: tree.leaves,
    ddl: [`CREATE TABLE ${root} (${['dropped', ...columns].map((column) => (typeof column === 'string' ? '"dropped 0" text' : columnSql(column))).join(', ')}${constraint}) PARTITION BY ${method} (${ident(by.name)})`,
      `ALTER TABLE ${root} DROP COLUMN "dropped 0"`, ...tree.ddl],
    later: [],
  }];
}

class Tree {
  readonly ddl: string[] = [];
  readonly leaves: string[] = [];
  readonly #maker: Maker;
  readonly #random: Random;
  readonly #columns: readonly Column[];
  readonly #identity: Identity;

  constructor(maker: Maker, columns: readonly Column[], identity: Identity) {
    this.#maker = maker;
    this.#random = maker.random;
    this.#columns = columns;
    this.#identity = identity;
  }

  /** Makes the partitions of a table; one of them may be divided by a second column. */
  divide(parent: string, method: Method, below: Column | undefined): void {
    for (const bounds of BOUNDS[method]) {
      const leaf = qualified({ schema: this.#maker.schema, name: this.#maker.names.next('leaf') });
      if (below !== undefined && this.#random.below(4) === 0) {
        const second = this.#random.pick(['RANGE', 'HASH'] as const);
        this.ddl.push(`CREATE TABLE ${leaf} PARTITION OF ${parent} ${bounds} PARTITION BY ${second} (${ident(below.name)})`);
        this.divide(leaf, second, undefined);
      } else {
        this.#leaf(parent, leaf, bounds);
      }
    }
  }

  #leaf(parent: string, leaf: string, bounds: string): void {
    if (this.#random.below(2) === 0) this.ddl.push(`CREATE TABLE ${leaf} PARTITION OF ${parent} ${bounds}`);
    else this.#attach(parent, leaf, bounds);
    this.leaves.push(leaf);
    if (this.#identity === 'full' || this.#identity === 'some full' && this.#random.below(2) === 0) this.ddl.push(`ALTER TABLE ${leaf} REPLICA IDENTITY FULL`);
  }

  /** A table that was there before: its columns stand in another order, and some were dropped. */
  #attach(parent: string, leaf: string, bounds: string): void {
    const columns = shuffled(this.#random, this.#columns).map(columnSql);
    columns.splice(this.#random.below(columns.length), 0, '"dropped 1" integer', '"dropped 2" text');
    this.ddl.push(`CREATE TABLE ${leaf} (${columns.join(', ')})`, `ALTER TABLE ${leaf} DROP COLUMN "dropped 1", DROP COLUMN "dropped 2"`, `ALTER TABLE ${parent} ATTACH PARTITION ${leaf} ${bounds}`);
  }
}
