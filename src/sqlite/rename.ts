/**
 * Renaming tables and columns. SQLite rewrites the views and triggers that mention them,
 * and refuses where one of them does not read, wherever it stands in the file: such a
 * one is taken out meanwhile and put back as it was. What SQLite still refuses then is
 * done without its ALTER: a "x" for 'x' in a CHECK of any other table is enough.
 */
import { AlterFailed, type Lost } from './lost.js';
import { folded, quote, rowidName } from './names.js';
import { dropObject, indexesAndTriggers, isRefusal, isTaken, putBack, refusalOf, viewsAndTriggers, type SchemaObject } from './objects.js';
import type { Cache } from './open.js';
import { moveStatistics } from './statistics.js';

/** What a table is called between two names. */
export const MEANWHILE = '_daystream_meanwhile';
/** The name in a CREATE TABLE, and the one behind ON in a CREATE INDEX, as SQLite keeps them. */
const NAME = String.raw`("(?:[^"]|"")*"|[^\s"(]+)`;
const CREATE_TABLE = new RegExp(`^CREATE TABLE ${NAME}`);
const CREATE_INDEX = new RegExp(`^(CREATE (?:UNIQUE )?INDEX ${NAME}\\s+ON\\s+)${NAME}`, 'i');

interface ColumnInfo { readonly name: string; readonly pk: number }

/** Indexes, triggers and views go along. Throws AlterFailed where the name is taken. */
export function moveTable(cache: Cache, from: string, to: string): Lost[] {
  if (from === to) return [];
  // SQLite would find the table itself under a name that differs in case alone.
  if (folded(from) === folded(to)) return [...moveTable(cache, from, MEANWHILE), ...moveTable(cache, MEANWHILE, to)];
  requireFree(cache, to);
  const lost = rename(cache, renameTo(from, to)) ?? placeTable(cache, from, to);
  moveStatistics(cache, from, to);
  return lost;
}

/** Throws AlterFailed where a table, a view or an index has the name. */
export function requireFree(cache: Cache, name: string): void {
  if (isTaken(cache, name)) throw new AlterFailed(`the cache has something else under the name ${name}`);
}

/** Renames a table; views and the bodies of triggers go on meaning whatever has a name that they say. */
export function placeTable(cache: Cache, from: string, to: string): Lost[] {
  cache.pragma('legacy_alter_table = ON');
  try {
    const refusal = refusalOf(() => cache.exec(renameTo(from, to)));
    return refusal === undefined ? [] : copyTable(cache, from, to);
  } finally {
    cache.pragma('legacy_alter_table = OFF');
  }
}

/** Undefined where SQLite refuses; then nothing has changed. */
export function renameColumn(cache: Cache, table: string, from: string, to: string): Lost[] | undefined {
  return rename(cache, `ALTER TABLE main.${quote(table)} RENAME COLUMN ${quote(from)} TO ${quote(to)}`);
}

function renameTo(from: string, to: string): string {
  return `ALTER TABLE main.${quote(from)} RENAME TO ${quote(to)}`;
}

function rename(cache: Cache, sql: string): Lost[] | undefined {
  const aside: SchemaObject[] = [];
  for (;;) {
    const blamed = tryRename(cache, sql);
    blamed?.forEach((object) => dropObject(cache, object));
    aside.push(...blamed ?? []);
    if (blamed !== undefined && blamed.length > 0) continue;
    // Views first: a trigger may stand on one.
    const lost = putBack(cache, aside.sort((a, b) => Number(a.kind === 'trigger') - Number(b.kind === 'trigger')));
    return blamed === undefined ? lost : undefined;
  }
}

/** Undefined once it is done; else what SQLite names as its reason not to, a view with its triggers. */
function tryRename(cache: Cache, sql: string): SchemaObject[] | undefined {
  try {
    cache.exec(sql);
    return undefined;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const objects = viewsAndTriggers(cache);
    const [named] = objects.filter((object) => isNamed(object, error.message)).sort((a, b) => b.name.length - a.name.length);
    return objects.filter((object) => object === named || (named?.kind === 'view' && named.name === object.table));
  }
}

function isNamed({ kind, name }: SchemaObject, message: string): boolean {
  return [`error in ${kind} ${name}:`, `error in ${kind} ${name} after rename:`].some((words) => message.startsWith(words));
}

/** The way round ALTER TABLE. Triggers say the old name, so they are lost. */
function copyTable(cache: Cache, from: string, to: string): Lost[] {
  const sql = cache.prepare<[string], string>("SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE").pluck().get(from)!;
  const columns = cache.prepare<[], ColumnInfo>(`PRAGMA main.table_info(${quote(from)})`).all();
  // Hashes of a table without a key name its rows by their row ids.
  const rowid = columns.every(({ pk }) => pk === 0) ? rowidName(columns.map(({ name }) => name)) : undefined;
  const names = [...(rowid === undefined ? [] : [rowid]), ...columns.map(({ name }) => quote(name))].join(', ');
  const objects = indexesAndTriggers(cache, from).map((object) => ({ ...object, sql: object.sql.replace(CREATE_INDEX, (_, start: string) => start + quote(to)) }));
  cache.exec(sql.replace(CREATE_TABLE, () => `CREATE TABLE main.${quote(to)}`));
  cache.exec(`INSERT INTO main.${quote(to)} (${names}) SELECT ${names} FROM main.${quote(from)}`);
  cache.exec(`DROP TABLE main.${quote(from)}`);
  return putBack(cache, objects);
}
