/** The option `--where "table: expression"`. */
import { parseFilter, type Filter } from './parse.js';
import { filterError } from './tree.js';

/** `table` as it was written, trimmed: the text before the first colon outside double quotes. Throws DeltaError usage. */
export function parseWhereOption(text: string): { table: string; filter: Filter } {
  const before = /^(?:[^":]|"[^"]*")*(?=:)/.exec(text)?.[0];
  const hint = "write --where \"table: expression\", as in \"flights: dest = 'KIAH'\"";
  if (before === undefined) throw filterError(text, 'no colon between table and expression', undefined, hint);
  const table = before.trim();
  if (table === '') throw filterError(text, 'no table before the colon', undefined, hint);
  return { table, filter: parseFilter(text.slice(before.length + 1).trim()) };
}
