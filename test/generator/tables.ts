/** Tables of every kind that can be followed: keys of all sorts, none, inherited, referenced. */
import type { Random } from '../support/random.js';
import { otherColumns, type Maker } from './columns.js';
import { ident, Names } from './names.js';
import { partitioned } from './partitions.js';
import { columnSql, nameList, qualified, shuffled, type Column, type Table } from './table.js';
import { keyType, ownTypes, typeNamed, type Type } from './values.js';

export interface Schema {
  readonly seed: number;
  readonly name: string;
  readonly ddl: readonly string[];
  readonly tables: readonly Table[];
  /** A materialized view: its rows are in the WAL, and nobody follows them. */
  readonly view?: { readonly name: string; readonly ddl: string };
}

/** The column that comes when there are rows already. */
export const ADDED = 'added';

type Kind = (maker: Maker) => Table[];

const KINDS: readonly Kind[] = [integerKey, integerKey, textKey, anyKey, severalKey, wholeRow, wholeRow, wholeRowBesideKey, chosenIndex, deferrable, insertOnly, family, reference, partitioned, partitioned, partitioned];

/** The schema of a seed. Its name holds the seed, since all worlds share one server. */
export function makeSchema(seed: number, random: Random): Schema {
  const name = random.below(3) === 0 ? `s${seed} ${random.pick(['a"b', "it's", 'Tab\t', 'x\ny', '_é😀', '\\', ';', '[1]', '*'])}` : `s_${seed}`;
  const names = new Names(random);
  const own = ownTypes(name, Array.from({ length: 7 }, () => names.next('type')));
  const maker = { random, schema: name, names, own };
  const tables: Table[] = [];
  while (tables.length < 5) tables.push(...random.pick(KINDS)(maker));
  return { seed, name, ddl: [`CREATE SCHEMA ${ident(name)}`, ...own.ddl], tables, view: random.below(3) === 0 ? materialized(name, names, tables[0]) : undefined };
}

interface Parts {
  readonly columns: readonly Column[];
  readonly key?: readonly Column[];
  /** Of the table, behind its columns. */
  readonly constraint?: (name: string) => string;
  /** ALTERs and indexes, given the table's qualified name. */
  readonly more?: (table: string, key: string) => string[];
  readonly tail?: string;
  readonly changeable?: boolean;
  readonly deferrable?: boolean;
  /** No column is added later, or none is added or dropped: with children both reach further. */
  readonly steady?: 'columns' | 'all';
}

function materialized(schema: string, names: Names, table: Table): Schema['view'] {
  const name = qualified({ schema, name: names.next('view') });
  return { name, ddl: `CREATE MATERIALIZED VIEW ${name} AS SELECT * FROM ${qualified(table)}` };
}

/** CREATE TABLE with columns in any order, and dropped ones between them. */
function make(maker: Maker, { columns, key = [], constraint, more, tail = '', changeable = true, deferrable: defers = false, steady }: Parts): Table {
  const { random, schema, names } = maker;
  const name = names.next('t');
  const table = qualified({ schema, name });
  const ordered = shuffled(random, columns);
  const dropped = Array.from({ length: steady === 'all' ? 0 : random.below(3) }, (_, i) => `dropped ${i}`);
  const definitions = [...ordered.map(columnSql)];
  for (const drop of dropped) definitions.splice(random.below(definitions.length + 1), 0, `${ident(drop)} ${random.pick(['text', 'integer', 'numeric', 'boolean'])} DEFAULT '1'`);
  const keyList = nameList(key);
  if (constraint !== undefined) definitions.push(constraint(keyList));
  const added = steady === undefined ? addedLater(maker) : [];
  return {
    schema, name, columns: [...ordered, ...added.map(({ column }) => column)], key: key.map((column) => column.name), arbiter: key.length > 0 && !defers, changeable, deferrable: defers, leaves: [],
    ddl: [`CREATE TABLE ${table} (${definitions.join(', ')})${tail}${storage(random)}`, ...stored(random, table, columns), ...(more?.(table, keyList) ?? [])],
    later: [
      ...dropped.map((drop) => `ALTER TABLE ${table} DROP COLUMN ${ident(drop)}`),
      ...added.map(({ column, value }) => `ALTER TABLE ${table} ADD COLUMN ${columnSql(column)} DEFAULT ${value}`),
    ],
  };
}

/** Some tables store values apart that are not long at all. */
function storage(random: Random): string {
  return random.pick(['', '', ' WITH (toast_tuple_target = 128)', ' WITH (toast_tuple_target = 128, fillfactor = 50)']);
}

/** How one of the columns is stored apart. */
function stored(random: Random, table: string, columns: readonly Column[]): string[] {
  const column = columns.find(({ type }) => type.large !== undefined);
  if (column === undefined || random.below(2) === 0) return [];
  return [`ALTER TABLE ${table} ALTER ${ident(column.name)} SET STORAGE ${random.pick(['EXTERNAL', 'MAIN', 'EXTENDED'])}`];
}

/** A column whose value older rows do not hold, but the catalog. */
function addedLater({ random }: Maker): { column: Column; value: string }[] {
  if (random.below(4) > 0) return [];
  const [type, value] = random.pick([['text', "'\\N\t'"], ['integer', '7'], ['numeric', "'1.50'"], ['text[]', "'{a,NULL}'"], ['text', "repeat('long', 2000)"]]);
  return [{ column: { name: ADDED, type: typeNamed(type), notNull: random.below(2) === 0, keyed: false }, value }];
}

const keyColumn = (names: Names, type: Type, suffix?: string): Column => ({ name: names.next('k'), type, notNull: true, keyed: true, suffix, given: suffix?.includes('ALWAYS') });
const primary = (key: string) => `PRIMARY KEY (${key})`;

function integerKey(maker: Maker): Table[] {
  const names = new Names(maker.random);
  const type = typeNamed(maker.random.pick(['smallint', 'integer', 'bigint']));
  const key = keyColumn(names, type, maker.random.pick([undefined, undefined, 'GENERATED BY DEFAULT AS IDENTITY', 'GENERATED ALWAYS AS IDENTITY']));
  return [make(maker, { columns: [key, ...otherColumns(maker, names)], key: [key], constraint: primary })];
}

function textKey(maker: Maker): Table[] {
  const names = new Names(maker.random);
  const key = keyColumn(names, typeNamed(maker.random.pick(['text', 'character varying', 'character(5)', 'public.citext', 'name', 'uuid'])));
  return [make(maker, { columns: [key, ...otherColumns(maker, names)], key: [key], constraint: primary })];
}

function anyKey(maker: Maker): Table[] {
  const names = new Names(maker.random);
  const key = keyColumn(names, keyType(maker.random, maker.own));
  return [make(maker, { columns: [key, ...otherColumns(maker, names)], key: [key], constraint: primary })];
}

function severalKey(maker: Maker): Table[] {
  const names = new Names(maker.random);
  const key = Array.from({ length: 2 + maker.random.below(3) }, () => keyColumn(names, keyType(maker.random, maker.own)));
  const columns = maker.random.below(5) === 0 ? key : [...key, ...otherColumns(maker, names)];
  return [make(maker, { columns, key: shuffled(maker.random, key), constraint: primary })];
}

/** No key, REPLICA IDENTITY FULL: rows may be equal. */
function wholeRow(maker: Maker): Table[] {
  const names = new Names(maker.random);
  return [make(maker, { columns: otherColumns(maker, names, 4), more: (table) => [`ALTER TABLE ${table} REPLICA IDENTITY FULL`] })];
}

function wholeRowBesideKey(maker: Maker): Table[] {
  const names = new Names(maker.random);
  const key = Array.from({ length: 1 + maker.random.below(2) }, () => keyColumn(names, keyType(maker.random, maker.own)));
  return [make(maker, { columns: [...key, ...otherColumns(maker, names)], key, constraint: primary, more: (table) => [`ALTER TABLE ${table} REPLICA IDENTITY FULL`] })];
}

/** REPLICA IDENTITY USING INDEX, beside a primary key or without one; the index may carry other columns too. */
function chosenIndex(maker: Maker): Table[] {
  const { random } = maker;
  const names = new Names(random);
  const key = Array.from({ length: 1 + random.below(3) }, () => keyColumn(names, keyType(random, maker.own)));
  const beside = keyColumn(names, typeNamed('bigint'), 'GENERATED BY DEFAULT AS IDENTITY');
  const others = otherColumns(maker, names);
  const index = maker.names.next('i');
  const include = random.below(2) === 0 ? ` INCLUDE (${ident(beside.name)})` : '';
  const inKeyOrder = shuffled(random, key);
  return [make(maker, {
    columns: [...key, beside, ...others], key: inKeyOrder, constraint: random.below(2) === 0 ? () => primary(ident(beside.name)) : undefined,
    more: (table, list) => [`CREATE UNIQUE INDEX ${ident(index)} ON ${table} (${list})${include}`, `ALTER TABLE ${table} REPLICA IDENTITY USING INDEX ${ident(index)}`],
  })];
}

/** A deferrable key is none, so the whole row is the key. */
function deferrable(maker: Maker): Table[] {
  const names = new Names(maker.random);
  const key = keyColumn(names, typeNamed('integer'));
  const when = maker.random.pick(['DEFERRABLE INITIALLY IMMEDIATE', 'DEFERRABLE INITIALLY DEFERRED']);
  return [make(maker, { columns: [key, ...otherColumns(maker, names, 3)], key: [key], deferrable: true, constraint: (list) => `${primary(list)} ${when}`, more: (table) => [`ALTER TABLE ${table} REPLICA IDENTITY FULL`] })];
}

function insertOnly(maker: Maker): Table[] {
  const names = new Names(maker.random);
  const more = maker.random.below(2) === 0 ? undefined : (table: string) => [`ALTER TABLE ${table} REPLICA IDENTITY NOTHING`];
  return [make(maker, { columns: otherColumns(maker, names), changeable: false, more })];
}

/** A parent and a child by inheritance, whose columns come from both; each is a table of its own. */
function family(maker: Maker): Table[] {
  const names = new Names(maker.random);
  const key = keyColumn(names, typeNamed('integer'));
  const shared = [key, ...otherColumns(maker, names, 3)];
  const parent = make(maker, { columns: shared, key: [key], constraint: primary, steady: 'columns' });
  const child = make(maker, { columns: otherColumns(maker, names, 2), key: [key], constraint: primary, tail: ` INHERITS (${qualified(parent)})`, steady: 'all' });
  return [parent, { ...child, columns: [...parent.columns, ...child.columns] }];
}

/** A table that another one refers to: deletes, key changes and truncates reach that one too. */
function reference(maker: Maker): Table[] {
  const names = new Names(maker.random);
  const key = keyColumn(names, typeNamed('integer'));
  const parent = make(maker, { columns: [key, ...otherColumns(maker, names, 2)], key: [key], constraint: primary });
  const childKey = keyColumn(names, typeNamed('integer'));
  const action = maker.random.pick(['CASCADE', 'SET NULL']);
  const link: Column = { name: names.next('r'), type: key.type, notNull: false, keyed: true, suffix: `REFERENCES ${qualified(parent)} (${ident(key.name)}) ON DELETE ${action} ON UPDATE CASCADE DEFERRABLE` };
  return [parent, make(maker, { columns: [childKey, link, ...otherColumns(maker, names, 2)], key: [childKey], constraint: primary })];
}
