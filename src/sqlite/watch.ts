/**
 * What a change does to an application's views and triggers. A view that no longer reads
 * stays: the next change may mend it. A trigger that no longer compiles would stop the
 * mirror's own INSERT, UPDATE or DELETE on its table, so on a mirrored table it goes.
 */
import type { Lost } from './lost.js';
import { folded, quote } from './names.js';
import { dropObject, refusalOf, viewsAndTriggers, type SchemaObject } from './objects.js';
import type { Cache } from './open.js';

/** A trigger and why it does not compile. */
type Broken = ReadonlyMap<string, { readonly trigger: SchemaObject; readonly reason: string }>;

const PROBE = '_daystream_probe';

export class Watch {
  readonly #cache: Cache;
  readonly #unreadable: ReadonlyMap<string, string>;
  readonly #broken: Broken;

  /** To be made before the change. */
  constructor(cache: Cache) {
    const objects = viewsAndTriggers(cache);
    this.#cache = cache;
    this.#unreadable = unreadableViews(cache, objects);
    this.#broken = brokenTriggers(cache, objects, this.#unreadable);
  }

  /** What was lost by the change; `tables`: mirrored ones that `_daystream_tables` does not know yet. */
  losses(...tables: readonly string[]): Lost[] {
    const objects = viewsAndTriggers(this.#cache);
    const unreadable = unreadableViews(this.#cache, objects);
    const views = [...unreadable].filter(([name]) => !this.#unreadable.has(name)).map(([name, reason]): Lost => ({ kind: 'view', name, reason }));
    const mirrored = new Set([...mirroredTables(this.#cache), ...tables].map(folded));
    const triggers = [...brokenTriggers(this.#cache, objects, unreadable).values()].flatMap(({ trigger, reason }): Lost[] => {
      const isOurs = mirrored.has(folded(trigger.table)) || folded(trigger.table).startsWith('_daystream');
      if (isOurs) dropObject(this.#cache, trigger);
      return isOurs || !this.#broken.has(trigger.name) ? [{ kind: 'trigger', name: trigger.name, reason }] : [];
    });
    return [...views, ...triggers];
  }
}

function mirroredTables(cache: Cache): string[] {
  return cache.prepare<[], string>('SELECT "table" FROM main._daystream_tables').pluck().all();
}

function unreadableViews(cache: Cache, objects: readonly SchemaObject[]): Map<string, string> {
  return new Map(objects.flatMap(({ kind, name }) => {
    const reason = kind === 'view' ? refusalOf(() => cache.prepare(`SELECT * FROM main.${quote(name)}`)) : undefined;
    return reason === undefined ? [] : [[name, reason] as const];
  }));
}

/** Those of views that do not read are not asked for: what is wrong with them is the view. */
function brokenTriggers(cache: Cache, objects: readonly SchemaObject[], unreadable: ReadonlyMap<string, string>): Broken {
  const triggers = objects.filter(({ kind, table }) => kind === 'trigger' && !unreadable.has(table));
  const tables = new Set(triggers.map(({ table }) => table));
  const isWhole = [...tables].every((table) => faultsOf(cache, table).every((fault) => fault === undefined));
  return isWhole ? new Map() : oneByOne(cache, triggers);
}

/** A table's fault can be another table's trigger, which its own sets off: so all are taken out, and put back each by itself. */
function oneByOne(cache: Cache, triggers: readonly SchemaObject[]): Broken {
  const broken = new Map<string, { trigger: SchemaObject; reason: string }>();
  cache.exec(`SAVEPOINT ${PROBE}`);
  try {
    for (const trigger of triggers) dropObject(cache, trigger);
    for (const trigger of triggers) {
      const before = faultsOf(cache, trigger.table);
      cache.exec(trigger.sql);
      const reason = faultsOf(cache, trigger.table).find((fault, i) => fault !== undefined && fault !== before[i]);
      if (reason === undefined) continue;
      broken.set(trigger.name, { trigger, reason });
      dropObject(cache, trigger);
    }
  } finally {
    cache.exec(`ROLLBACK TO ${PROBE}; RELEASE ${PROBE}`);
  }
  return broken;
}

/** Why an INSERT, an UPDATE of every column and a DELETE do not compile; undefined for each that does. */
function faultsOf(cache: Cache, table: string): (string | undefined)[] {
  const name = `main.${quote(table)}`;
  const columns = cache.prepare<[string], string>("SELECT name FROM pragma_table_xinfo(?, 'main') WHERE hidden = 0").pluck().all(table);
  const set = columns.map(quote).map((column) => `${column} = ${column}`).join(', ');
  return [`INSERT INTO ${name} DEFAULT VALUES`, `UPDATE ${name} SET ${set}`, `DELETE FROM ${name}`].map((sql) => {
    const reason = refusalOf(() => cache.prepare(sql));
    // Of a view that has triggers for something else only.
    return reason?.endsWith('because it is a view') === true ? undefined : reason;
  });
}
