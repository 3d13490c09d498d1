/** `_daystream_patterns`: which tables this host asked for, so that those which come later are taken in too. */
import { isExact, matches, parsePatterns, written, type Pattern } from '../daystream/pattern.js';
import { isGivenName } from './names.js';
import { readOwn, type Cache } from './open.js';
import type { CacheTable, TableChoice } from './tables.js';
import type { Numeric } from './values.js';

/** What the import was asked for, and how it holds numbers. */
export interface ChosenPattern {
  readonly pattern: Pattern;
  readonly numeric: Numeric | undefined;
  /** What was chosen of a table of this name that is no more. */
  readonly keeps?: KeptChoice;
}

/** A choice by names, for the next table of a name. */
export interface KeptChoice {
  /** The table's name in the cache, where that is another one. */
  readonly table?: string;
  /** Names in the cache, by names in Postgres. */
  readonly columns: Readonly<Record<string, string>>;
  readonly choice: TableChoice;
}

interface Row { pattern: string; numeric: Numeric | null; keeps: string | null }

export const PATTERNS_DDL = `CREATE TABLE _daystream_patterns (
  pattern TEXT PRIMARY KEY,
  numeric TEXT,
  keeps TEXT
)`;

export function readPatterns(cache: Cache): ChosenPattern[] {
  return readOwn(cache, '_daystream_patterns', () => cache.prepare<[], Row>('SELECT pattern, numeric, keeps FROM _daystream_patterns ORDER BY rowid').all()
    .map(({ pattern, numeric, keeps }) => ({ pattern: parsePatterns(pattern)[0], numeric: numeric ?? undefined, ...(keeps !== null && { keeps: JSON.parse(keeps) }) })));
}

/** Adds patterns; one that is there is held as it is said now. */
export function writePatterns(cache: Cache, patterns: readonly ChosenPattern[]): void {
  const insert = cache.prepare('INSERT INTO _daystream_patterns (pattern, numeric) VALUES (?, ?) ON CONFLICT (pattern) DO UPDATE SET numeric = excluded.numeric, keeps = NULL');
  for (const { pattern, numeric } of patterns) insert.run(pattern.text, numeric ?? null);
}

function choiceOf(table: CacheTable): KeptChoice {
  const renamed = Object.fromEntries(table.columns.flatMap(({ name, as }) => (typeof as === 'string' ? [[name, as] as const] : [])));
  return { ...(isGivenName(table) && { table: table.table }), columns: renamed, choice: table.choice };
}

/** The pattern for the next table of this name, which is to be held as this one; undefined where nothing was chosen of it. */
export function keepingPattern(table: CacheTable): ChosenPattern | undefined {
  const { schema, name, choice } = table;
  const keeps = choiceOf(table);
  if (keeps.table === undefined && Object.keys(keeps.columns).length === 0 && choice.columns === undefined && choice.where === undefined) return undefined;
  return { pattern: parsePatterns(written(schema, name))[0], numeric: choice.numeric, keeps };
}

/** Keeps what was chosen of a table for the next one of its name; false where nothing was. */
export function keepChoice(cache: Cache, before: CacheTable): boolean {
  const kept = keepingPattern(before);
  if (kept === undefined) return false;
  cache.prepare('INSERT INTO _daystream_patterns (pattern, numeric, keeps) VALUES (?, ?, ?) ON CONFLICT (pattern) DO UPDATE SET keeps = excluded.keeps').run(kept.pattern.text, kept.numeric ?? null, JSON.stringify(kept.keeps));
  return true;
}

/** The pattern that chooses the table: one that keeps a choice before the others. */
export function chosenBy(patterns: readonly ChosenPattern[], schema: string, table: string): ChosenPattern | undefined {
  const choosing = patterns.filter(({ pattern }) => matches(pattern, schema, table));
  return choosing.find(({ pattern, keeps }) => keeps !== undefined && isExact(pattern)) ?? choosing[0];
}
