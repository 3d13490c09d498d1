/** Why a table is not copied into the log, and the cure (docs/format.md §3). */
import { written } from '../daystream/pattern.js';
import { DeltaError, reasonOf, shellWord } from '../errors.js';
import type { Examined } from '../postgres/copy-source.js';
import { codeOf, mayPass, translate } from '../postgres/failure.js';
import { sizeText } from '../cli.js';

export interface Refusal {
  readonly reason: string;
  /** What to type before the table is imported again; empty where the import is enough. */
  readonly cure: string;
}

/** So many times as much as a table takes on disk may its rows be as text: bytes and floats are, narrow rows; compressed values are far more. */
const TEXT_PER_BYTE = 4;
/** The table is gone or has another name, or its schema. */
const NO_SUCH_TABLE = ['42P01', '3F000'];

/** Undefined where the table can be copied, as far as that is known before. */
export function refusalOf({ table, reason, bytes, mayRead, hidesRows, unpublished }: Examined, role: string, limitBytes: number): Refusal | undefined {
  const again = reloadCommand(table);
  const who = quoted(role);
  if (reason !== undefined) return { reason, cure: '' };
  if (unpublished !== undefined) return unpublished;
  if (!mayRead) {
    const name = `${quoted(table.schema)}.${quoted(table.table)}`;
    return { reason: `role ${role} may not read it`, cure: `GRANT USAGE ON SCHEMA ${quoted(table.schema)} TO ${who}; GRANT SELECT ON ${name} TO ${who}; then ${again}` };
  }
  if (hidesRows) return { reason: `row level security hides rows of it from role ${role}`, cure: `ALTER ROLE ${who} BYPASSRLS; then ${again}` };
  if (bytes > limitBytes) return { reason: `it is larger than --reload-limit: ${sizeText(bytes)} of ${sizeText(limitBytes)}`, cure: '' };
  return undefined;
}

/** Undefined while what has been read of the rows is within the limit. */
export function textRefusalOf(textBytes: number, limitBytes: number): Refusal | undefined {
  if (textBytes <= TEXT_PER_BYTE * limitBytes) return undefined;
  return { reason: `it is larger than --reload-limit: its rows are more than ${sizeText(TEXT_PER_BYTE * limitBytes)} of text, ${TEXT_PER_BYTE} times ${sizeText(limitBytes)}`, cure: '' };
}

/** What was thrown while the rows were read, where it would be thrown again; undefined where another try may help, or it is a bug of ours. */
export function unreadable(table: Examined['table'], thrown: unknown): Refusal | undefined {
  const code = codeOf(thrown);
  const isOfRows = thrown instanceof DeltaError ? thrown.code === 'postgres' : /^[0-9A-Z]{5}$/.test(code) && !NO_SUCH_TABLE.includes(code) && !mayPass(translate(thrown, ''));
  return isOfRows ? { reason: `its rows cannot be copied: ${reasonOf(thrown)}`, cure: `mend that in Postgres, then ${reloadCommand(table)}` } : undefined;
}

function reloadCommand({ schema, table }: Examined['table']): string {
  return `deltastream reload ${shellWord(written(schema, table))}`;
}

/** A name in SQL, quoted where it has to be. */
function quoted(name: string): string {
  return written('public', name);
}
