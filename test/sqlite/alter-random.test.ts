/** Chains of random changes: after each the table is as if it had been made so, and what an application made works or was told as lost. SEED=n repeats a run. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { alterTable, createTable, type Lost } from '../../src/sqlite/alter.js';
import { insertSql } from '../../src/sqlite/insert.js';
import { folded, quote } from '../../src/sqlite/names.js';
import type { Cache } from '../../src/sqlite/open.js';
import { heldColumns, writeTable, type CacheIndex, type CacheTable } from '../../src/sqlite/tables.js';
import { affinityOf, type Bindable, type Stored } from '../../src/sqlite/values.js';
import { emptyCache, indexOf, namesOf, seen, tableOf } from '../support/alter.js';
import { Random } from '../support/random.js';

const CHAINS = 8;
const STEPS = 25;
const ROWS = 20;
const NAMES = ['a', 'b', 'c', 'A', 'Id', 'x y', 'rowid', '"q"', "o'c", 'select', '漢', 'a.b', ''];
const TABLES = ['t', 'T', 'u', 's.t', 'a "b"'];
const INDEXES = ['i1', 'I1', 'i2', 'taken', 'x.y'];
const TYPES = ['text', 'integer', 'bigint', 'double precision', 'bytea', 'numeric', 'boolean'];

type Row = Map<number, Bindable | null>;
interface Model { readonly table: CacheTable; readonly rows: readonly Row[]; readonly missing: Map<number, Bindable | null>; readonly convert: Map<number, (value: Stored) => Bindable | null> }
interface Made { readonly kind: Lost['kind']; readonly name: string }

function valueOfType(random: Random, type: string): Bindable | null {
  if (random.below(6) === 0) return null;
  switch (affinityOf(type)) {
    case 'INTEGER': return random.pick([0, 1, -7, 123456, '9007199254740993', '-9223372036854775808']);
    case 'REAL': return random.pick([0, 1, 0.1, -1e300, 5e-324, Infinity, 'NaN', random.next()]);
    case 'TEXT': return random.pick(['', 'x', "it's", '12', '1e5', 'NaN', '漢"', String(random.next())]);
    case 'BLOB': return random.pick([Buffer.alloc(0), Buffer.from([0, 255, 39])]);
  }
}

/** A conversion that tells what it was given, but for numbers, which a statement is not given as it gives them. */
function converter(from: string, to: string): (value: Stored) => Bindable | null {
  const isInteger = affinityOf(from) === 'INTEGER';
  const size = (value: Stored) => (!isInteger && (typeof value === 'string' || Buffer.isBuffer(value)) ? value.length : 40);
  switch (affinityOf(to)) {
    case 'INTEGER': return (value) => (value === null ? 7 : size(value));
    case 'REAL': return (value) => (value === null ? null : size(value) + 0.25);
    case 'TEXT': return (value) => (value === null ? null : `${typeof value === 'string' && !isInteger ? value : size(value)}'`);
    case 'BLOB': return (value) => (value === null ? null : Buffer.from(`${size(value)}`));
  }
}

/** The table after one to four changes; column 1 is a number and always there. */
function changed(random: Random, { table, rows }: Model): Model {
  const missing = new Map<number, Bindable | null>();
  const convert = new Map<number, (value: Stored) => Bindable | null>();
  let { columns, key, table: name } = table;
  let now = rows.map((row) => new Map(row));
  let highest = Math.max(table.columns[table.columns.length - 1].attnum, ...rows.flatMap((row) => [...row.keys()]), 1);
  const freeName = () => random.pick(NAMES.filter((candidate) => columns.every((column) => folded(column.name) !== folded(candidate))));
  const pickOther = () => (columns.length > 1 ? random.pick(columns.slice(1)) : undefined);
  for (let count = 1 + random.below(4); count > 0; count--) {
    const column = pickOther();
    switch (random.below(8)) {
      case 0:
      case 1: {
        if (columns.length === 8) break;
        highest += 1 + random.below(2);
        const type = random.pick(TYPES);
        const value = valueOfType(random, type);
        columns = [...columns, { attnum: highest, name: freeName(), type, notNull: false }];
        missing.set(highest, value);
        now.forEach((row) => row.set(highest, value));
        break;
      }
      case 2: {
        const attnum = random.pick(columns).attnum;
        const to = freeName();
        columns = columns.map((each) => (each.attnum === attnum ? { ...each, name: to } : each));
        break;
      }
      case 3: {
        if (column === undefined) break;
        // Two columns change their names.
        const first = columns[0];
        columns = columns.map((each) => (each === first ? { ...each, name: column.name } : each === column ? { ...each, name: first.name } : each));
        break;
      }
      case 4:
        if (column === undefined || key.includes(column.attnum)) break;
        columns = columns.filter((each) => each !== column);
        break;
      case 5: {
        if (column === undefined || convert.has(column.attnum) || missing.has(column.attnum)) break;
        const type = random.pick(TYPES);
        const change = converter(column.type, type);
        columns = columns.map((each) => (each === column ? { ...each, type } : each));
        convert.set(column.attnum, change);
        now.forEach((row) => row.set(column.attnum, change(row.get(column.attnum) ?? null)));
        break;
      }
      case 6: {
        const whole = columns.slice(1).filter(({ attnum }) => now.every((row) => (row.get(attnum) ?? null) !== null)).map(({ attnum }) => attnum);
        const extra = whole.length > 0 ? [random.pick(whole)] : [];
        key = random.pick([[], [1], [...extra, 1], [1, ...extra]]);
        break;
      }
      case 7:
        name = random.pick(TABLES);
        break;
    }
  }
  // A key that a later change gave a NULL.
  if (key.some((attnum) => now.some((row) => (row.get(attnum) ?? null) === null))) key = [1];
  const indexes = (table.indexes ?? []).filter((index) => index.columns.every(({ attnum }) => columns.some((each) => each.attnum === attnum)));
  return { table: { ...table, name, table: name, columns, key, indexes: random.below(3) === 0 ? someIndexes(random, columns) : indexes }, rows: now, missing, convert };
}

function someIndexes(random: Random, columns: CacheTable['columns']): CacheIndex[] {
  const names = INDEXES.filter((name, i) => random.below(2) === 0 && INDEXES.findIndex((other) => folded(other) === folded(name)) === i);
  return names.map((name) => indexOf(`${name} ${random.pick(columns).attnum}${random.below(2) === 0 ? ' desc' : ''}`));
}

function fill(cache: Cache, { table, rows }: Model): void {
  createTable(cache, table);
  const insert = cache.prepare(insertSql(table));
  for (const row of rows) insert.run(heldColumns(table).map(({ attnum }) => row.get(attnum) ?? null));
}

let made = 0;

/** An index, a view or a trigger over columns of the table. */
function makeObject(random: Random, cache: Cache, table: CacheTable): Made {
  const kind = random.pick(['index', 'view', 'trigger'] as const);
  const name = `mine ${++made}`;
  const columns = [random.pick(table.columns).name, random.pick(table.columns).name];
  const [first, second] = columns.map(quote);
  const on = quote(table.table);
  switch (kind) {
    case 'index': cache.exec(`CREATE INDEX ${quote(name)} ON ${on} (${first}, lower(${second}))`); break;
    case 'view': cache.exec(`CREATE VIEW ${quote(name)} AS SELECT ${first} AS one, ${second} AS two FROM ${on}`); break;
    case 'trigger': cache.exec(`CREATE TRIGGER ${quote(name)} AFTER INSERT ON ${on} BEGIN INSERT INTO notes VALUES (new.${first}), ((SELECT max(${second}) FROM ${on})); END`); break;
  }
  return { kind, name };
}

/** The table as it is without the application's indexes. */
function bare(cache: Cache, table: CacheTable): unknown {
  const all = seen(cache, table.table) as { indexes: readonly { name: string }[] };
  return { ...all, indexes: all.indexes.filter(({ name }) => !name.startsWith('mine')) };
}

function chain(t: TestContext, random: Random): void {
  const start = tableOf('t', ['1 id integer', '2 a text', '3 b integer'], [1]);
  let model: Model = { table: start, rows: Array.from({ length: ROWS }, (_, i): Row => new Map<number, Bindable | null>([[1, i - 3], [2, valueOfType(random, 'text')], [3, valueOfType(random, 'integer')]])), missing: new Map(), convert: new Map() };
  const cache = emptyCache(t, [start]);
  fill(cache, model);
  cache.exec('CREATE TABLE notes (x); CREATE TABLE other (y); CREATE INDEX taken ON other (y)');
  let objects: Made[] = [];
  for (let step = 0; step < STEPS; step++) {
    while (objects.length < 5) objects.push(makeObject(random, cache, model.table));
    const next = changed(random, model);
    const lost = cache.transaction(() => {
      const losses = alterTable(cache, model.table, next.table, next);
      cache.prepare('DELETE FROM _daystream_tables').run();
      writeTable(cache, next.table);
      return losses;
    }).immediate();
    const fresh = new Database(':memory:');
    fresh.exec('CREATE TABLE other (y); CREATE INDEX taken ON other (y)');
    fill(fresh, next);
    assert.deepEqual(bare(cache, next.table), bare(fresh, next.table));
    fresh.close();
    objects = objects.filter((object) => check(cache, object, lost.some(({ kind, name }) => kind === object.kind && name === object.name)));
    assert.deepEqual(namesOf(cache).filter((name) => name.startsWith('_daystream') && !/^_daystream_(?:position|tables|kept)$/.test(name)), []);
    cache.transaction(() => {
      cache.exec('SAVEPOINT one');
      cache.exec(`INSERT INTO ${quote(next.table.table)} (${quote(next.table.columns[0].name)}${next.table.key.filter((attnum) => attnum !== 1).map((attnum) => `, ${quote(next.table.columns.find((column) => column.attnum === attnum)!.name)}`).join('')}) VALUES (1000${next.table.key.filter((attnum) => attnum !== 1).map(() => ', 1').join('')})`);
      cache.exec('ROLLBACK TO one; RELEASE one');
    })();
    model = next;
  }
  assert.equal(cache.pragma('integrity_check', { simple: true }), 'ok');
  cache.close();
}

/** True for an object that is there and works; one that does not was told as lost. */
function check(cache: Cache, { kind, name }: Made, isTold: boolean): boolean {
  const isThere = namesOf(cache).includes(name);
  if (kind !== 'view') {
    assert.equal(isThere, !isTold, `${kind} ${name}`);
    return isThere;
  }
  assert.ok(isThere, name);
  const reads = () => cache.prepare(`SELECT * FROM ${quote(name)}`).all();
  if (!isTold) {
    assert.equal(reads().length, ROWS);
    return true;
  }
  assert.throws(reads);
  return false;
}

test('whatever becomes of a table, it is as if it were made so', (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  try {
    for (let i = 0; i < CHAINS; i++) chain(t, random);
  } catch (error) {
    if (error instanceof Error) error.message = `SEED=${random.seed}: ${error.message}`;
    throw error;
  }
});
