import { DeltaError, reasonOf } from '../errors.js';
import { AlterFailed } from '../sqlite/alter.js';
import { quote } from '../sqlite/names.js';
import type { Cache } from '../sqlite/open.js';
import type { CacheTable } from '../sqlite/tables.js';

/** Thrown where a table can no longer be followed faithfully (design P5). */
export class TableFault extends Error {
  readonly schema: string;
  readonly table: string;
  /** What the table is known by when it is done again: its name may be another one by then. */
  readonly oid: number;
  readonly reason: string;
  /** What to type before the table is imported again; undefined or empty: nothing else is needed. */
  readonly cure: string | undefined;

  constructor({ schema, name, oid }: Pick<CacheTable, 'schema' | 'name' | 'oid'>, reason: string, cure?: string) {
    super(`${schema}.${name}: ${reason}`);
    this.schema = schema;
    this.table = name;
    this.oid = oid;
    this.reason = reason;
    this.cure = cure;
  }
}

/** All faults of a transaction, which is undone and then done again without these tables. */
export class TableFaults extends Error {
  readonly faults: readonly TableFault[];

  constructor(faults: readonly TableFault[]) {
    super(faults.map(({ message }) => message).join('; '));
    this.faults = faults;
  }
}

/** The error; where it ended the transaction of SQLite, as RAISE(ROLLBACK) does, what comes behind would be no part of one, and its table is not all that it concerns. */
export function endedBy(error: unknown, cache: Cache): unknown {
  if (cache.inTransaction) return error;
  const where = error instanceof TableFault ? `a trigger on ${error.schema}.${error.table}` : reasonOf(error);
  return new DeltaError('cache', `${cache.name}: ended the mirror's transaction: ${where}`, { cause: error, hint: 'drop the trigger that raises ROLLBACK' });
}

/** Runs what changes a table's shape; a TableFault where SQLite or the rows do not allow it. */
export function altering<T>(table: Pick<CacheTable, 'schema' | 'name' | 'oid'>, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AlterFailed) throw new TableFault(table, error.reason);
    throw error;
  }
}

/** What to type where the log does not say enough of old rows. */
export function identityFull(schema: string, table: string): string {
  return `ALTER TABLE ${quote(schema)}.${quote(table)} REPLICA IDENTITY FULL`;
}

/** What an update or delete says that finds no row. */
export const MISSING = {
  update: 'an update found no row: the cache has diverged from Postgres',
  largeUpdate: 'an update found no row, or one so large that a column it does not name may be unchanged as well as NULL, which the original format cannot tell',
  delete: 'a delete found no row: the cache has diverged from Postgres',
} as const;

/** What a row says that finds its place taken. */
export const CONFLICT = {
  insert: 'an insert met a row that is there already: the cache has diverged from Postgres',
  update: 'an update met a row that has its new key already: the cache has diverged from Postgres',
} as const;

/** A TableFault for what SQLite says of a row; anything else as it came. */
export function faultOf(table: CacheTable, error: unknown, conflict: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code.startsWith('SQLITE_CONSTRAINT')) return new TableFault(table, conflict);
  if (code === 'SQLITE_TOOBIG') return new TableFault(table, 'a value is longer than SQLite holds');
  return error;
}
