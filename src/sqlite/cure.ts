import { written } from '../daystream/pattern.js';
import { shellWord } from '../errors.js';
import type { CacheTable } from './tables.js';

/** What to type to have a table of this cache again. */
export function importCommand(path: string, schema: string, table: string): string {
  return importTablesCommand(path, written(schema, table));
}

/** The same for all that patterns choose. */
export function importTablesCommand(path: string, patterns: string): string {
  return `deltaimport --table ${shellWord(patterns)} --into ${shellWord(path)}`;
}

/** A table that is in quarantine where a snapshot was made, in a cache that begins with it: the reason is of there, the cure has to be of here. */
export function quarantinedHere(table: CacheTable, path: string): CacheTable {
  const { quarantine, schema, name } = table;
  if (quarantine === undefined) return table;
  return { ...table, quarantine: { ...quarantine, reason: `the snapshot has it in quarantine: ${quarantine.reason}`, cure: importCommand(path, schema, name) } };
}
