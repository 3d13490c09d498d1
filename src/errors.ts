/**
 * The one error class. Expected errors (a wrong path, a damaged log, a refused
 * connection) are DeltaErrors; anything else that reaches the top is a bug.
 */

/** Stable identifiers; a program may branch on them, the words may change. */
export type ErrorCode =
  | 'usage'        // the command line is wrong
  | 'config'       // the surroundings are wrong: a folder, a permission, a server setting
  | 'connection'   // Postgres cannot be reached or has gone away
  | 'postgres'     // Postgres refused
  | 'slot'         // the replication slot cannot be used
  | 'busy'         // another process holds what we need
  | 'log-damaged'  // the log's bytes are not what the writer wrote
  | 'log-foreign'  // the log is whole but not the one this cache follows
  | 'log-missing'  // a piece of the log, or the whole of it, is not there
  | 'cache'        // the cache file is not usable
  | 'quarantine'   // a table cannot be followed, and the user wants to stop there
  | 'io';          // the operating system refused a read, a write or a sync

export interface DeltaErrorOptions {
  /** A command to type, or the setting to change. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An expected error: `message` begins with the place, `hint` says what to type. */
export class DeltaError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: DeltaErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'DeltaError';
    this.code = code;
    this.hint = options.hint;
  }
}

/** The text of anything that was thrown, on one line. */
export function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return text.replace(/\s*\n\s*/g, ' ');
}

/** A name as one types it in a shell, for what a hint says to type. */
export function shellWord(text: string): string {
  return /^[\w./,:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
