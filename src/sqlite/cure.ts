import { written } from '../daystream/pattern.js';
import { shellWord } from '../errors.js';

/** What to type to have a table of this cache again. */
export function importCommand(path: string, schema: string, table: string): string {
  return importTablesCommand(path, written(schema, table));
}

/** The same for all that patterns choose. */
export function importTablesCommand(path: string, patterns: string): string {
  return `deltaimport --table ${shellWord(patterns)} --into ${shellWord(path)}`;
}
