/**
 * Protection: a write to a mirrored table by anyone but the mirror fails, and says why.
 *
 * Triggers on each mirrored table raise while `protect` in `_daystream_position` is 1.
 * The mirror sets it to 0 when it begins a transaction and to 1 again with the position,
 * before the commit: SQLite has one writer at a time, so nobody else ever sees the 0, and
 * a crash undoes it. So it holds for every program that opens the file, with nothing to
 * load, and costs the mirror one look at a page that is in its cache. DROP TABLE and
 * ALTER TABLE fire no triggers.
 */
import { readKind } from './header.js';
import { folded, quote } from './names.js';
import { PROTECTION_PREFIX } from './objects.js';
import { cacheError, openReader, type Cache } from './open.js';
import { readTables, type CacheTable } from './tables.js';

const EVENTS = ['INSERT', 'UPDATE', 'DELETE'] as const;

interface Trigger { readonly name: string; readonly sql: string }

/** Whether others are kept from writing, as it was last committed. */
export function isProtected(cache: Cache): boolean {
  return cache.prepare('SELECT protect FROM main._daystream_position').pluck().get() === 1;
}

/** Whether the file that a new cache is to replace is one whose tables are protected. */
export function wasProtected(path: string): boolean {
  if (readKind(path) !== 'cache') return false;
  const cache = openReader(path);
  try {
    return isProtected(cache);
  } finally {
    cache.close();
  }
}

/** Switches it, in a transaction of its own. The caller holds the cache's lock. */
export function setProtection(cache: Cache, on: boolean): void {
  try {
    cache.transaction(() => {
      cache.prepare('UPDATE main._daystream_position SET protect = ?').run(on ? 1 : 0);
      renewProtection(cache, on);
    }).immediate();
  } catch (error) {
    throw cacheError(cache.name, error);
  }
}

/** In the transaction of the caller, where tables came, went or changed their names: each mirrored table has its triggers, and nothing else has. */
export function renewProtection(cache: Cache, on: boolean): void {
  const present = cache.prepare<[], Trigger>(`SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger' AND substr(name, 1, ${PROTECTION_PREFIX.length}) = '${PROTECTION_PREFIX}'`).all();
  const wanted = new Map(on ? triggersOf(cache).map(({ name, sql }) => [name, sql]) : []);
  for (const { name, sql } of present) {
    if (wanted.get(name) === sql) wanted.delete(name);
    else cache.exec(`DROP TRIGGER main.${quote(name)}`);
  }
  for (const sql of wanted.values()) cache.exec(sql);
}

/** Of the tables that are there: of one that waits for its first copy there is none. */
function triggersOf(cache: Cache): Trigger[] {
  const names = new Set(cache.prepare<[], string>("SELECT name FROM main.sqlite_schema WHERE type = 'table'").pluck().all().map(folded));
  return readTables(cache).filter(({ table }) => names.has(folded(table))).flatMap((table) => EVENTS.map((event) => triggerOf(table, event)));
}

function triggerOf({ table, oid }: CacheTable, event: (typeof EVENTS)[number]): Trigger {
  const name = `${PROTECTION_PREFIX}${oid}_${event.toLowerCase()}`;
  const why = `${table} mirrors a table of Postgres, and is written by deltamirror alone: change it in Postgres, or let this cache be written with deltamirror --no-protect`;
  // SQLite keeps the text from the trigger's name on as it is given, and so it is compared.
  return { name, sql: `CREATE TRIGGER ${quote(name)} BEFORE ${event} ON ${quote(table)} WHEN (SELECT protect FROM _daystream_position) BEGIN SELECT RAISE(ABORT, '${why.replaceAll("'", "''")}'); END` };
}
