import { written } from '../daystream/pattern.js';

/** What to type to have a table of this cache again. */
export function importCommand(path: string, schema: string, table: string): string {
  return `deltaimport --table ${shellWord(written(schema, table))} --into ${shellWord(path)}`;
}

function shellWord(text: string): string {
  return /^[\w./,:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
