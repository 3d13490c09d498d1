/** `_daystream_patterns`: which tables this host asked for, so that those which come later are taken in too. */
import { matches, parsePatterns, type Pattern } from '../daystream/pattern.js';
import { readOwn, type Cache } from './open.js';
import type { Numeric } from './values.js';

/** What the import was asked for, and how it holds numbers. */
export interface ChosenPattern {
  readonly pattern: Pattern;
  readonly numeric: Numeric | undefined;
}

export const PATTERNS_DDL = `CREATE TABLE _daystream_patterns (
  pattern TEXT PRIMARY KEY,
  numeric TEXT
)`;

export function readPatterns(cache: Cache): ChosenPattern[] {
  return readOwn(cache, '_daystream_patterns', () => cache.prepare<[], { pattern: string; numeric: Numeric | null }>('SELECT pattern, numeric FROM _daystream_patterns ORDER BY rowid').all()
    .map(({ pattern, numeric }) => ({ pattern: parsePatterns(pattern)[0], numeric: numeric ?? undefined })));
}

/** Adds patterns; one that is there is held as it is said now. */
export function writePatterns(cache: Cache, patterns: readonly ChosenPattern[]): void {
  const insert = cache.prepare('INSERT INTO _daystream_patterns (pattern, numeric) VALUES (?, ?) ON CONFLICT (pattern) DO UPDATE SET numeric = excluded.numeric');
  for (const { pattern, numeric } of patterns) insert.run(pattern.text, numeric ?? null);
}

/** The first pattern that chooses the table. */
export function chosenBy(patterns: readonly ChosenPattern[], schema: string, table: string): ChosenPattern | undefined {
  return patterns.find(({ pattern }) => matches(pattern, schema, table));
}
