/** Changes of tables as a whole: they come, go, and get other names and places. */
import { ident, literal } from '../names.js';
import { qualified } from '../table.js';
import { definition } from './columns.js';
import { among, anyPlain, anyRoot, constant, list, toTable, type Changes } from './change.js';
import { namesOf, PARTS, roots, type Live, type LiveTable } from './catalog.js';
import { anyType, keyType } from './types.js';

const NOBODY: Pick<LiveTable, 'columns'> = { columns: [] };
const TABLES_AT_MOST = 9;
const ROWS = 6;

export const RELATIONS: Changes = {
  'create table': (live) => (isFull(live) ? undefined : create(live, newPlace(live))),
  'create table as': toTable(anyRoot, (live, table) => (isFull(live) ? undefined : createAs(live, table))),
  'create table like': toTable(anyRoot, (live, table) => {
    if (isFull(live)) return undefined;
    const place = newPlace(live);
    return `CREATE TABLE ${place} (LIKE ${table.sql} INCLUDING ALL)${live.random.below(2) === 0 ? '' : `; ${fillFrom(table, place)}`}`;
  }),
  'create and drop table': (live) => {
    const place = newPlace(live);
    return `${create(live, place)}; DROP TABLE ${place}`;
  },
  'create temporary table': (live) => `CREATE TEMPORARY TABLE ${ident(live.names.next('t'))} ON COMMIT DROP AS SELECT 1 AS a`,
  'drop table': toTable(anyRoot, (live, table) => (roots(live).length <= 2 ? undefined : `DROP TABLE ${table.sql} CASCADE`)),
  'drop and create table of one name': toTable(anyRoot, (live, table) => `DROP TABLE ${table.sql} CASCADE; ${create(live, table.sql)}`),
  'make table anew': toTable(anyPlain, (live, table) => {
    const name = live.names.next('t');
    const place = qualified({ schema: table.schema, name });
    const old = live.random.below(2) === 0 ? `DROP TABLE ${table.sql}` : `ALTER TABLE ${table.sql} RENAME TO ${ident(live.names.next('t'))}`;
    return `CREATE TABLE ${place} (LIKE ${table.sql} INCLUDING ALL); ${fillFrom(table, place)}; ${old}; ALTER TABLE ${place} RENAME TO ${ident(table.name)}`;
  }),
  'rename table': toTable(anyRoot, (live, table) => `ALTER TABLE ${table.sql} RENAME TO ${ident(live.names.next('t'))}`),
  'swap table names': toTable(anyRoot, (live, table) => {
    const other = among(live.random, roots(live).filter(({ schema, oid }) => schema === table.schema && oid !== table.oid));
    if (other === undefined) return undefined;
    const between = qualified({ schema: table.schema, name: '_between' });
    return `ALTER TABLE ${table.sql} RENAME TO "_between"; ALTER TABLE ${other.sql} RENAME TO ${ident(table.name)}; ALTER TABLE ${between} RENAME TO ${ident(other.name)}`;
  }),
  'rename table and create another': toTable(anyRoot, (live, table) => `ALTER TABLE ${table.sql} RENAME TO ${ident(live.names.next('t'))}; ${create(live, table.sql)}`),
  'set schema': toTable(anyRoot, ({ random, schemas }, table) => `ALTER TABLE ${table.sql} SET SCHEMA ${ident(random.pick(namesOf(schemas)))}`),
  'swap schema names': ({ random, schemas }) => {
    const all = namesOf(schemas);
    const [a, b] = [random.pick(all), random.pick(all)];
    const between = ident(`${all[0]} between`);
    return a === b ? undefined : `ALTER SCHEMA ${ident(a)} RENAME TO ${between}; ALTER SCHEMA ${ident(b)} RENAME TO ${ident(a)}; ALTER SCHEMA ${between} RENAME TO ${ident(b)}`;
  },
  'set unlogged': toTable(anyPlain, (_, table) => `ALTER TABLE ${table.sql} SET UNLOGGED`),
  'set logged': (live) => {
    const table = among(live.random, live.tables.filter(({ persistence }) => persistence === 'u'));
    if (table !== undefined) return `ALTER TABLE ${table.sql} SET LOGGED`;
    const other = anyPlain(live);
    return other && `ALTER TABLE ${other.sql} SET UNLOGGED; ALTER TABLE ${other.sql} SET LOGGED`;
  },
  'create unlogged table': (live) => (isFull(live) ? undefined : `CREATE UNLOGGED TABLE ${newPlace(live)} (id integer PRIMARY KEY, ${definition(live, NOBODY as LiveTable)})`),
  'ask for a copy': (live) => {
    const table = among(live.random, live.tables);
    const oid = live.random.below(8) === 0 ? live.random.pick(['', 'x', '0', '1259', '4294967295', '-1 1259']) : table?.oid;
    return `SELECT pg_logical_emit_message(true, 'deltastream', '${live.random.pick(['look', 'stale', 'reload', 'offer'])} ${oid}')`;
  },
  'comment on table': toTable(anyRoot, (live, table) => `COMMENT ON TABLE ${table.sql} IS ${comment(live)}`),
  'comment on column': toTable(anyRoot, (live, table) => `COMMENT ON COLUMN ${table.sql}.${ident(live.random.pick(table.columns).name)} IS ${comment(live)}`),
  'comment on index': toTable(anyRoot, (live, table) => {
    const index = among(live.random, table.indexes);
    return index && `COMMENT ON INDEX ${ident(table.schema)}.${ident(index.name)} IS ${comment(live)}`;
  }),
};

function isFull(live: Live): boolean {
  return roots(live).length >= TABLES_AT_MOST;
}

function newPlace({ random, schemas, names }: Live): string {
  return qualified({ schema: random.pick([...schemas.followed, ...schemas.followed, schemas.beside]), name: names.next('t') });
}

/** A table of some columns, its rows and its partitions, all at once. */
export function create(live: Live, place: string): string {
  const { random, types } = live;
  if (random.below(4) === 0) return createPartitioned(live, place);
  const columns = Array.from({ length: 1 + random.below(4) }, () => definition(live, NOBODY as LiveTable)).filter(differs());
  const key = random.pick(['id', 'id', 'id', 'two', 'any', 'none', 'full']);
  const keyed = { id: ['id integer PRIMARY KEY'], two: ['id integer', 'sub text', 'PRIMARY KEY (sub, id)'], any: [`id ${keyType(random, types).sql} PRIMARY KEY`], none: ['id integer'], full: ['id integer'] }[key]!;
  const rows = random.below(3) === 0 ? '' : `; INSERT INTO ${place} (id) SELECT g FROM generate_series(1, ${1 + random.below(ROWS)}) AS g`;
  const full = key === 'full' || key === 'none' && random.below(2) === 0 ? `; ALTER TABLE ${place} REPLICA IDENTITY FULL` : '';
  return `CREATE TABLE ${place} (${[...keyed, ...columns].join(', ')})${full}${key === 'two' || key === 'any' ? '' : rows}`;
}

/** Some of the parts, and now and then one for all the rest. */
function createPartitioned(live: Live, place: string): string {
  const { random } = live;
  const columns = Array.from({ length: 1 + random.below(3) }, () => definition(live, NOBODY as LiveTable)).filter(differs());
  const isFullIdentity = random.below(3) === 0;
  const parts = Array.from({ length: PARTS }, (_, i) => i).filter(() => random.below(2) === 0);
  const leaves = [...parts.map((part) => bounds(part)), ...(random.below(2) === 0 ? ['DEFAULT'] : [])].map((text) => ({ text, name: qualified({ schema: live.schemas.followed[0], name: live.names.next('leaf') }) }));
  return [
    `CREATE TABLE ${place} (part integer NOT NULL, id integer NOT NULL, ${columns.join(', ')}${isFullIdentity ? '' : ', PRIMARY KEY (id, part)'}) PARTITION BY RANGE (part)`,
    ...leaves.map(({ name, text }) => `CREATE TABLE ${name} PARTITION OF ${place} ${text}${isFullIdentity ? `; ALTER TABLE ${name} REPLICA IDENTITY FULL` : ''}`),
    ...parts.map((part) => `INSERT INTO ${place} (part, id) SELECT ${part * 10}, g FROM generate_series(1, ${random.below(4)}) AS g`),
  ].join('; ');
}

export function bounds(part: number): string {
  return `FOR VALUES FROM (${part * 10}) TO (${(part + 1) * 10})`;
}

/** Keeps definitions whose names SQLite can tell apart, and from those of the key. */
function differs(): (definition: string) => boolean {
  const taken = new Set(['"id"', '"sub"', '"part"']);
  return (text) => {
    const name = /^"(?:[^"]|"")*"/.exec(text)![0].replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    if (taken.has(name)) return false;
    taken.add(name);
    return true;
  };
}

function createAs(live: Live, table: LiveTable): string {
  const place = newPlace(live);
  const source = `SELECT ${list(table.columns)} FROM ${table.sql}`;
  const made = live.random.pick([`CREATE TABLE ${place} AS ${source}`, `CREATE TABLE ${place} AS ${source} WITH NO DATA`, `SELECT * INTO ${place} FROM (${source}) AS s`]);
  return live.random.below(3) === 0 ? made : `${made}; ALTER TABLE ${place} REPLICA IDENTITY FULL`;
}

/** The rows of one table for another of the same columns. */
export function fillFrom(table: LiveTable, place: string): string {
  const columns = list(table.columns.filter(({ given }) => !given));
  return columns === '' ? `INSERT INTO ${place} DEFAULT VALUES` : `INSERT INTO ${place} (${columns}) SELECT ${columns} FROM ${table.sql}`;
}

function comment(live: Live): string {
  return live.random.below(4) === 0 ? 'NULL' : live.random.pick([literal("it's\ta\n\\comment"), literal(`number ${live.random.below(1000)}`), constantText(live)]);
}

function constantText({ random, types }: Live): string {
  const type = anyType(random, types);
  return type.sql === 'text' ? literal(constant(random, type).slice(1, 20)) : literal(type.sql);
}

/** A table that stays what rows are told apart by, whatever its partitions become. */
export function likeIdentity(live: Live, table: LiveTable, leaf: string): string {
  const isFullIdentity = live.tables.some(({ parent, identity }) => parent === table.oid && identity === 'f');
  return isFullIdentity ? `; ALTER TABLE ${leaf} REPLICA IDENTITY FULL` : '';
}

