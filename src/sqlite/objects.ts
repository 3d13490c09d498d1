/** What stands in the file beside the tables: indexes, triggers and views, an application's own among them. */
import Database from 'better-sqlite3';
import { reasonOf } from '../errors.js';
import type { Lost } from './lost.js';
import { quote } from './names.js';
import type { Cache } from './open.js';

export interface SchemaObject {
  readonly kind: Lost['kind'];
  readonly name: string;
  /** What it stands on; of a view itself. */
  readonly table: string;
  readonly sql: string;
}

/** Triggers of protect.ts, which goes after them itself. */
export const PROTECTION_PREFIX = '_daystream_protect_';

const OBJECTS = `SELECT type AS kind, name, tbl_name AS "table", sql FROM main.sqlite_schema WHERE sql IS NOT NULL AND type IN ('index', 'trigger', 'view')
  AND substr(name, 1, ${PROTECTION_PREFIX.length}) <> '${PROTECTION_PREFIX}'`;

/** Those of one table, in the order in which they were made. */
export function indexesAndTriggers(cache: Cache, table: string): SchemaObject[] {
  return cache.prepare<[string], SchemaObject>(`${OBJECTS} AND type <> 'view' AND tbl_name = ? COLLATE NOCASE ORDER BY rowid`).all(table);
}

/** Views first: a trigger may stand on one. */
export function viewsAndTriggers(cache: Cache): SchemaObject[] {
  return cache.prepare<[], SchemaObject>(`${OBJECTS} AND type <> 'index' ORDER BY type DESC, rowid`).all();
}

export function dropObject(cache: Cache, { kind, name }: SchemaObject): void {
  cache.exec(`DROP ${kind} IF EXISTS main.${quote(name)}`);
}

/** Makes objects again; gives those that SQLite refuses by now. */
export function putBack(cache: Cache, objects: readonly SchemaObject[]): Lost[] {
  return objects.flatMap(({ kind, name, sql }) => {
    const reason = refusalOf(() => cache.exec(sql));
    return reason === undefined ? [] : [{ kind, name, reason }];
  });
}

/** Whether a table, a view or an index has this name: SQLite keeps them in one namespace. */
export function isTaken(cache: Cache, name: string): boolean {
  return cache.prepare("SELECT 1 FROM main.sqlite_schema WHERE type <> 'trigger' AND name = ? COLLATE NOCASE").get(name) !== undefined;
}

/** Why SQLite refuses a statement for what it says, or for the rows; undefined where it does not. */
export function refusalOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return reasonOf(error);
  }
}

/** False for an error of the file or the machine. */
export function isRefusal(error: unknown): error is InstanceType<typeof Database.SqliteError> {
  return error instanceof Database.SqliteError && /^SQLITE_(?:ERROR|CONSTRAINT|MISMATCH)/.test(error.code);
}
