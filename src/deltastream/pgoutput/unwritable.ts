/** Why a row has no line: what is thrown while it is written, and becomes a quarantine line. */
import { escape } from '../../daystream/codec.js';

const REASON_LIMIT_CHARACTERS = 1000;

/** The row's table says nothing more in its transaction. */
export class Unwritable extends Error {}

/** An update or delete whose old row a reader could not find. */
export class NoOldRow extends Error {
  constructor(readonly action: 'update' | 'delete') {
    super(`${action} without an old key`);
  }
}

/** The pairs of the quarantine line, behind the action. `name` is the table's as SQL has it. */
export function quarantinePairs(fault: Unwritable | NoOldRow, name: string): string {
  const [reason, cure] = fault instanceof NoOldRow
    ? [`${fault.message}: ${name} has no usable replica identity (the server logged no old row)`, `ALTER TABLE ${name} REPLICA IDENTITY FULL`]
    : [`a row of ${name} cannot be written: ${fault.message}`, `mend the row in ${name}`];
  return `\t_reason\t${escape(reason.slice(0, REASON_LIMIT_CHARACTERS))}\t_cure\t${escape(cure.slice(0, REASON_LIMIT_CHARACTERS))}`;
}

/** Schema and table as one types them in SQL. */
export function qualifiedName(schema: string, table: string): string {
  return `${quoteName(schema)}.${quoteName(table)}`;
}

function quoteName(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
