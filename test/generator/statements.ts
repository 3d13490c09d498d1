/** Statements that change a table's rows. They need to know nothing of the rows that are there. */
import type { Random } from '../support/random.js';
import { ident, literal } from './names.js';
import { cell, keyColumns, nameList, qualified, rowValues, settable, type Column, type Table } from './table.js';
import { keyValueOf } from './values.js';

/** What statements are made from. */
export interface Scene {
  readonly random: Random;
  readonly tables: readonly Table[];
  readonly view: string | undefined;
  /** A folder that the server may write to. */
  readonly folder: string;
  readonly seed: number;
}

type Make = (scene: Scene, table: Table) => string | undefined;

const ALWAYS: readonly Make[] = [insertRows, insertRows, insertMany, copyRows, insertDefaults, truncate];
const CHANGING: readonly Make[] = [updateSome, updateSome, updateSome, updateByKey, updateByKey, deleteByKey, deleteSome, touch, changeKey, changeKey, upsert, upsert, merge, swap, moveAll, deleteAndInsert, repeatRow, repeatRow, deleteAll];

/** What changes no row and yet much in the catalog or in the files: a statement that must not stand in a transaction's middle. */
export function maintenance({ random, tables, view }: Scene): string {
  const table = random.pick(tables);
  if (view !== undefined && random.below(3) === 0) return `REFRESH MATERIALIZED VIEW ${view}`;
  const one = table.leaves.length > 0 ? random.pick(table.leaves) : qualified(table);
  return random.pick([
    `ANALYZE ${qualified(table)}`, `VACUUM (TRUNCATE off) ${one}`, `VACUUM (FULL, FREEZE) ${one}`, `REINDEX TABLE ${one}`, `ALTER TABLE ${one} SET (fillfactor = ${50 + random.below(50)})`,
    `COMMENT ON COLUMN ${qualified(table)}.${ident(random.pick(table.columns).name)} IS 'x'`, `CREATE TABLE scratch."${random.below(1e9)}" AS SELECT * FROM ${qualified(table)}`,
    `CREATE INDEX ON ${qualified(table)} ((${ident(random.pick(table.columns).name)} IS NULL))`, `GRANT SELECT ON ${qualified(table)} TO pg_monitor`,
  ]);
}

/** One random statement. */
export function statement(scene: Scene): string {
  const { random, tables } = scene;
  for (;;) {
    const table = random.pick(tables);
    const make = random.pick(table.changeable && random.below(4) > 0 ? CHANGING : ALWAYS);
    if ((make === truncate || make === deleteAll) && random.below(3) > 0) continue; // rows are to grow old too
    const sql = make(scene, table);
    if (sql !== undefined) return sql;
  }
}

export function insertRows({ random }: Scene, table: Table): string {
  const columns = settable(table);
  const rows = Array.from({ length: 1 + random.below(4) }, () => rowValues(random, columns));
  return `${insertInto(table, columns)} VALUES ${rows.join(', ')}${table.arbiter && random.below(2) === 0 ? ' ON CONFLICT DO NOTHING' : ''}`;
}

/** Many rows at once; with a key most of them conflict. */
function insertMany({ random }: Scene, table: Table): string | undefined {
  const columns = settable(table);
  if (table.key.length > 0 && !table.arbiter) return undefined;
  return `${insertInto(table, columns)} SELECT ${columns.map((column) => manyCells(random, column)).join(', ')} FROM generate_series(1, ${random.below(50) === 0 ? 600 : 5 + random.below(25)}) AS n (g)${table.arbiter ? ' ON CONFLICT DO NOTHING' : ''}`;
}

function manyCells(random: Random, column: Column): string {
  if (column.keyed && ['integer', 'bigint', 'text', 'numeric', 'double precision'].includes(column.type.sql)) return `(${1000 + random.below(5000)} + n.g)::${column.type.sql}`;
  return `CASE n.g % 3 WHEN 0 THEN ${cell(random, column)} ELSE ${cell(random, column)} END`;
}

/** COPY of rows that are put into a file first: they reach the table as a block. */
function copyRows({ random, folder, seed }: Scene, table: Table): string {
  const columns = settable(table);
  const file = literal(`${folder}/${seed} ${random.below(1e9)}.copy`);
  const rows = Array.from({ length: 1 + random.below(6) }, () => rowValues(random, columns)).join(', ');
  return `COPY (VALUES ${rows}) TO ${file}; COPY ${target(random, table)} (${nameList(columns)}) FROM ${file}`;
}

/** A row that names the key alone. */
function insertDefaults({ random }: Scene, table: Table): string {
  const columns = settable(table).filter(({ notNull }) => notNull);
  return columns.length === 0 ? `INSERT INTO ${qualified(table)} DEFAULT VALUES` : `${insertInto(table, columns)} VALUES ${rowValues(random, columns)}`;
}

function truncate({ random, tables }: Scene, table: Table): string {
  const others = tables.filter((other) => other !== table && random.below(6) === 0);
  const only = random.below(4) === 0;
  const list = [table, ...others].map((each) => (only ? alone(each) : qualified(each))).join(', ');
  return `TRUNCATE ${list}${random.pick(['', ' RESTART IDENTITY', ' CONTINUE IDENTITY'])}${random.pick([' CASCADE', ' CASCADE', ''])}`;
}

function updateSome({ random }: Scene, table: Table): string | undefined {
  const set = assignments(random, table, 1 + random.below(2));
  return set === undefined ? undefined : `UPDATE ${target(random, table)} SET ${set} WHERE ${someRows(random, table, 1 + random.below(6))}`;
}

function updateByKey({ random }: Scene, table: Table): string | undefined {
  const set = assignments(random, table, 3);
  return set === undefined || table.key.length === 0 ? undefined : `UPDATE ${qualified(table)} SET ${set} WHERE ${byKey(random, table)}`;
}

function deleteByKey({ random }: Scene, table: Table): string | undefined {
  return table.key.length === 0 ? undefined : `DELETE FROM ${qualified(table)} WHERE ${byKey(random, table)}`;
}

function deleteSome({ random }: Scene, table: Table): string {
  return `DELETE FROM ${target(random, table)} WHERE ${someRows(random, table, 1 + random.below(3))}`;
}

/** An update to what is there already: nothing differs, but there is a new row version. */
function touch({ random }: Scene, table: Table): string {
  const column = ident(random.pick(settable(table)).name);
  return `UPDATE ${target(random, table)} SET ${column} = ${column} WHERE ${someRows(random, table, 3)}`;
}

/** A key, or what rows are routed by, changes; other columns may, too. */
function changeKey({ random }: Scene, table: Table): string | undefined {
  const keyed = settable(table).filter((column) => column.keyed);
  if (keyed.length === 0) return undefined;
  const column = random.pick(keyed);
  const more = random.below(3) === 0 ? assignments(random, table, 1, column) : undefined;
  return `UPDATE ${qualified(table)} SET ${ident(column.name)} = ${cell(random, column)}${more === undefined ? '' : `, ${more}`} WHERE ${someRows(random, table, 1)}`;
}

function upsert({ random }: Scene, table: Table): string | undefined {
  const columns = settable(table);
  const set = assignments(random, table, 2);
  if (!table.arbiter || set === undefined || !keyColumns(table).every((column) => columns.includes(column))) return undefined;
  return `${insertInto(table, columns)} VALUES ${rowValues(random, columns)} ON CONFLICT (${nameList(keyColumns(table))}) DO UPDATE SET ${set}`;
}

function merge({ random }: Scene, table: Table): string | undefined {
  const columns = settable(table);
  const key = keyColumns(table);
  const set = assignments(random, table, 2);
  if (key.length === 0 || set === undefined || !key.every((column) => columns.includes(column))) return undefined;
  const rows = Array.from({ length: 1 + random.below(3) }, () => rowValues(random, columns)).join(', ');
  const on = key.map(({ name }) => `"the target".${ident(name)} = "the source".${ident(name)}`).join(' AND ');
  return `MERGE INTO ${qualified(table)} AS "the target" USING (VALUES ${rows}) AS "the source" (${nameList(columns)}) ON ${on}
    WHEN MATCHED AND ${random.below(3)} = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET ${set}
    WHEN NOT MATCHED THEN INSERT (${nameList(columns)}) VALUES (${columns.map(({ name }) => `"the source".${ident(name)}`).join(', ')})`;
}

/** Two rows change their keys by way of a third value. */
function swap({ random }: Scene, table: Table): string | undefined {
  const [column, ...rest] = keyColumns(table);
  if (column === undefined || rest.length > 0 || column.given === true) return undefined;
  const [name, type, source] = [ident(column.name), column.type.sql, qualified(table)];
  const pick = (nth: number) => `(SELECT ${name} FROM ${source} ORDER BY ${name} LIMIT 1 OFFSET ${nth})`;
  const third = keyValueOf(random, column.type);
  return `DO ${literal(`DECLARE a ${type} := ${pick(0)}; b ${type} := ${pick(1 + random.below(3))};
    BEGIN
      IF a IS NULL OR b IS NULL OR EXISTS (SELECT FROM ${source} WHERE ${name} = ${third}) THEN RETURN; END IF;
      UPDATE ${source} SET ${name} = ${third} WHERE ${name} = a;
      UPDATE ${source} SET ${name} = a WHERE ${name} = b;
      UPDATE ${source} SET ${name} = b WHERE ${name} = ${third};
    END`)}`;
}

/** `set id = id + 1` for all rows, which only a deferrable key is sure to survive. */
function moveAll(_: Scene, table: Table): string | undefined {
  const [column] = keyColumns(table);
  if (column?.type.sql !== 'integer' || column.given === true) return undefined;
  return `UPDATE ${qualified(table)} SET ${ident(column.name)} = ${ident(column.name)} + 1`;
}

/** A row goes and comes back in one statement. */
function deleteAndInsert({ random }: Scene, table: Table): string | undefined {
  const columns = nameList(settable(table));
  if (table.columns.some(({ given, keyed }) => given === true && keyed)) return undefined;
  return `WITH gone AS (DELETE FROM ${alone(table)} WHERE ${someRows(random, table, 2)} RETURNING *) INSERT INTO ${qualified(table)} (${columns}) SELECT ${columns} FROM gone`;
}

/** Equal rows, where nothing forbids them. */
function repeatRow({ random }: Scene, table: Table): string | undefined {
  if (table.key.length > 0) return undefined;
  const columns = nameList(settable(table));
  return `INSERT INTO ${qualified(table)} (${columns}) SELECT ${columns} FROM (SELECT * FROM ${qualified(table)} AS "a row" WHERE ${someRows(random, table, 1)}) AS one CROSS JOIN generate_series(1, ${1 + random.below(4)}) AS "n n"`;
}

function deleteAll(_: Scene, table: Table): string {
  return `DELETE FROM ${qualified(table)}`;
}

/** Without those that inherit from it; a partitioned table has no rows of its own. */
function alone(table: Table): string {
  return table.leaves.length > 0 ? qualified(table) : `ONLY ${qualified(table)}`;
}

/** The table, or one of its partitions by its own name. */
function target(random: Random, table: Table): string {
  return table.leaves.length > 0 && random.below(4) === 0 ? random.pick(table.leaves) : qualified(table);
}

function insertInto(table: Table, columns: readonly Column[]): string {
  return `INSERT INTO ${qualified(table)} (${nameList(columns)})`;
}

/** Of columns that are not in the key, up to `most`; undefined where there is none. */
function assignments(random: Random, table: Table, most: number, but?: Column): string | undefined {
  const columns = settable(table).filter((column) => !table.key.includes(column.name) && column !== but);
  if (columns.length === 0) return undefined;
  const chosen = new Set(Array.from({ length: most }, () => random.pick(columns)));
  return [...chosen].map((column) => `${ident(column.name)} = ${cell(random, column)}`).join(', ');
}

function byKey(random: Random, table: Table): string {
  return keyColumns(table).map(({ name, type }) => `${ident(name)} = ${keyValueOf(random, type)}`).join(' AND ');
}

/** Up to `most` rows, chosen by what they hold: the same ones in every run. Of equal rows exactly so many are meant. */
function someRows(random: Random, table: Table, most: number): string {
  return `(tableoid, ctid) IN (SELECT "any row".tableoid, "any row".ctid FROM ${qualified(table)} AS "any row" ORDER BY md5(("any row".*)::text), "any row".tableoid, "any row".ctid LIMIT ${most} OFFSET ${random.below(7)})`;
}
