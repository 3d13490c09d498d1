import { written } from '../daystream/pattern.js';
import { shellWord } from '../errors.js';

/** What to type to have a table of this cache again. */
export function importCommand(path: string, schema: string, table: string): string {
  return `deltaimport --table ${shellWord(written(schema, table))} --into ${shellWord(path)}`;
}
