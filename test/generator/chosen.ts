/** The proof for a cache of a host's choice: it holds that part of Postgres, by names of its own, and nothing else. */
import type pg from 'pg';
import { canonical } from '../../src/index.js';
import { written } from '../../src/daystream/pattern.js';
import { filterSql } from '../../src/postgres/filter.js';
import { openReader, type Cache } from '../../src/sqlite/open.js';
import { readTables, type CacheTable } from '../../src/sqlite/tables.js';
import type { Numeric } from '../../src/sqlite/values.js';
import type { Choice, ChosenTable } from './choice.js';
import { Difference } from './difference.js';
import { requireInOrder, requireSameRows, rowsOfCache, rowsOfPostgres, type Shape } from './equality.js';

/** The one thing that a filtered table may stumble over: what neither log nor cache has. */
const UNTOLD = /(?:cannot be told: its large value|a row moved in while a large value)[^]* unchanged/;

/** Patterns of the tables that stumbled over what the log does not say; throws where it is another reason, or where the log says enough. */
export function untold(path: string, choices: readonly Choice[]): string[] {
  return read(path, (cache) => tablesOf(cache, choices).flatMap(({ choice, chosen: { shape, filter }, held: { quarantine, identity } }) => {
    if (quarantine === undefined) return [];
    if (filter === undefined || identity === 'full' || !UNTOLD.test(quarantine.reason)) {
      throw new Difference(choice.schema, `${path}: ${shape.schema}.${shape.name} (${identity}) is quarantined at ${JSON.stringify(quarantine)}, filter ${filter?.filter.text}`);
    }
    return [written(shape.schema, shape.name)];
  }));
}

/** Compares what is chosen with what Postgres gives for it. Throws with schema, table, row, column and both values; gives the rows compared. */
export async function requireChosen(client: pg.Client, path: string, choices: readonly Choice[]): Promise<number> {
  const cache = openReader(path);
  try {
    requireInOrder(path, cache);
    let rows = 0;
    for (const each of tablesOf(cache, choices)) rows += await compare(client, cache, path, each);
    return rows;
  } finally {
    cache.close();
  }
}

interface Held {
  readonly choice: Choice;
  readonly chosen: ChosenTable;
  readonly held: CacheTable;
}

function tablesOf(cache: Cache, choices: readonly Choice[]): Held[] {
  const tables = readTables(cache);
  return choices.flatMap((choice) => choice.tables.map((chosen) => {
    const held = tables.find(({ schema, name }) => schema === chosen.shape.schema && name === chosen.shape.name);
    if (held === undefined) throw new Difference(choice.schema, `${chosen.shape.schema}.${chosen.shape.name} is not in the cache`);
    return { choice, chosen, held };
  }));
}

async function compare(client: pg.Client, cache: Cache, path: string, { choice, chosen, held }: Held): Promise<number> {
  const { columns, filter, names } = chosen;
  const key = new Set(held.key.map((attnum) => held.columns.find((column) => column.attnum === attnum)?.name));
  const shape: Shape = { ...chosen.shape, columns: chosen.shape.columns.filter(({ name }) => columns === undefined || columns.includes(name) || key.has(name)) };
  const where = filter === undefined ? 'true' : filterSql(filter);
  const place = `${path}: ${shape.schema}.${shape.name} where ${filter?.filter.text ?? 'true'}`;
  if (held.quarantine !== undefined || held.joining !== undefined) throw new Difference(choice.schema, `${place}: is not followed: ${JSON.stringify(held)}`);
  const postgres = await rowsOfPostgres(client, shape, where);
  const expected = postgres.map((row) => row.map((text, i) => rounded(text, shape.columns[i].type, key.has(shape.columns[i].name) ? 'text' : choice.numeric)));
  const table = chosen.as ?? `${shape.schema}.${shape.name}`;
  const stored = rowsOfCache(cache, shape, place, table, shape.columns.map(({ name }) => names.get(name) ?? name));
  requireSameRows(place, shape, expected, stored.map((row) => row.map((value, i) => canonical(shape.columns[i].type, value))));
  return postgres.length;
}

/** What is left of a number that is held as a double (docs/types.md): beyond a double's range all of it. */
function rounded(text: string | null, type: string, numeric: Numeric | undefined): string | null {
  const isMoney = type === 'money';
  if (text === null || numeric !== 'real' || !isMoney && !/^numeric(?:\(|$)/.test(type)) return text;
  const number = Number(isMoney ? text.replaceAll(/[$,]/g, '') : text);
  return Number.isFinite(number) ? canonical(type, number) : text;
}

function read<T>(path: string, of: (cache: Cache) => T): T {
  const cache = openReader(path);
  try {
    return of(cache);
  } finally {
    cache.close();
  }
}
