/** `_daystream_tables`: which tables the cache mirrors, their shape and choice, and whether each is still followed. */
import { formatLsn, parseLsn, type Lsn } from '../daystream/lsn.js';
import { parsePosition, formatPosition, type Position } from '../daystream/position.js';
import type { IndexColumn, RelationColumn, ReplicaIdentity, TableKind } from '../daystream/relation.js';
import { readOwn, type Cache } from './open.js';
import type { Numeric } from './values.js';

/** A column that the log states. */
export interface CacheColumn extends RelationColumn {
  /** Its name in the cache where that is another one; null where the cache does not hold it. */
  readonly as?: string | null;
}

/** A column that the cache holds. */
export interface HeldColumn extends RelationColumn {
  /** Its name in the cache. */
  readonly as: string;
  readonly numeric: Numeric;
}

/** A plain index that the cache has because Postgres has it. Never UNIQUE here: a legal swap of two values would break it midway. */
export interface CacheIndex {
  /** Its name in the cache. */
  readonly name: string;
  readonly columns: readonly IndexColumn[];
}

/** Comments of Postgres by attribute number; 0 is the table's. */
export type CacheComments = Readonly<Record<number, string>>;

/** What this host wants of a table: all of it where nothing is said. */
export interface TableChoice {
  /** Columns by their names in Postgres; the key is always in. */
  readonly columns?: readonly string[];
  /** The rows (docs/filters.md). */
  readonly where?: string;
  readonly numeric?: Numeric;
}

export interface CacheTable {
  readonly schema: string;
  readonly name: string;
  /** The table's name in the cache. */
  readonly table: string;
  readonly oid: number;
  readonly kind: TableKind;
  readonly identity: ReplicaIdentity;
  /** Attribute numbers of the key columns in key order; empty without a key. */
  readonly key: readonly number[];
  /** Ordered by attnum. */
  readonly columns: readonly CacheColumn[];
  /** The pattern that chose the table. */
  readonly pattern: string;
  readonly choice: TableChoice;
  /** Those of Postgres; an application's own are not here. */
  readonly indexes?: readonly CacheIndex[];
  readonly comments?: CacheComments;
  /** Undefined once the table stands where the cache stands. */
  readonly joining?: Joining;
  /** While the table stands still, until a copy of it has come through the log. */
  readonly waiting?: Waiting;
  /** Why the table is no longer followed; undefined while it is. */
  readonly quarantine?: Quarantine;
}

/** A table that was copied into a cache which stands at an earlier commit: it is ahead until the cache has come to `lsn`. */
export interface Joining {
  /** As `pg_current_snapshot()` prints it: transactions visible in it are in the copy. */
  readonly snapshot: string;
  /** Every transaction visible in the snapshot has a commit record before it. */
  readonly lsn: Lsn;
  /** The horizon behind which the copy joined: what the log says of the table before it is past. */
  readonly position: Position;
}

/** A table whose rows changed without a record (docs/format.md, "Copy"). */
export interface Waiting {
  readonly reason: string;
  /** The unit from which on the table stands still. */
  readonly position: Position;
  /** The copy under way; undefined before its first part. */
  readonly copy?: Copying;
}

/** A copy that is coming in, into a table beside. */
export interface Copying {
  readonly id: string;
  /** What is visible in it is in the copy. */
  readonly snapshot: string;
  /** The number of the part that comes next. */
  readonly next: number;
  /** What becomes of the table with the last part; `table` is its final name in the cache. */
  readonly table: Pick<CacheTable, 'schema' | 'name' | 'table' | 'oid' | 'kind' | 'identity' | 'key' | 'columns' | 'pattern' | 'choice' | 'indexes' | 'comments'>;
}

export interface Quarantine {
  readonly reason: string;
  /** What to type to be rid of the cause. */
  readonly cure: string;
  /** The line from which on the table no longer follows. */
  readonly position: Position;
}

export const TABLES_DDL = `CREATE TABLE _daystream_tables (
  schema TEXT NOT NULL,
  name TEXT NOT NULL,
  "table" TEXT NOT NULL UNIQUE,
  oid INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('ordinary', 'partitioned', 'leaf')),
  identity TEXT NOT NULL,
  key TEXT NOT NULL,
  columns TEXT NOT NULL,
  pattern TEXT NOT NULL,
  choice TEXT NOT NULL,
  indexes TEXT NOT NULL,
  comments TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('following', 'joining', 'waiting', 'quarantined')),
  snapshot TEXT,
  lsn TEXT,
  reason TEXT,
  cure TEXT,
  position TEXT,
  copy TEXT,
  PRIMARY KEY (schema, name)
)`;

interface Row {
  schema: string; name: string; table: string; oid: number; kind: TableKind; identity: ReplicaIdentity; key: string; columns: string;
  pattern: string; choice: string; indexes: string; comments: string; state: string; snapshot: string | null; lsn: string | null;
  reason: string | null; cure: string | null; position: string | null; copy: string | null;
}

export function readTables(cache: Cache): CacheTable[] {
  return readOwn(cache, '_daystream_tables', () => cache.prepare<[], Row>('SELECT * FROM _daystream_tables ORDER BY schema, name').all().map(fromRow));
}

function fromRow(row: Row): CacheTable {
  return {
    schema: row.schema,
    name: row.name,
    table: row.table,
    oid: row.oid,
    kind: row.kind,
    identity: row.identity,
    key: JSON.parse(row.key),
    columns: JSON.parse(row.columns),
    pattern: row.pattern,
    choice: JSON.parse(row.choice),
    indexes: JSON.parse(row.indexes),
    comments: JSON.parse(row.comments),
    ...(row.state === 'waiting' && {
      waiting: { reason: row.reason ?? '', position: parsePosition(row.position ?? '0:0'), ...(row.copy !== null && { copy: JSON.parse(row.copy) }) },
    }),
    ...(row.state === 'joining' && { joining: { snapshot: row.snapshot ?? '', lsn: parseLsn(row.lsn ?? ''), position: parsePosition(row.position ?? '0:0') } }),
    ...(row.state === 'quarantined' && {
      quarantine: { reason: row.reason ?? '', cure: row.cure ?? '', position: parsePosition(row.position ?? '0:0') },
    }),
  };
}

/** Writes a table's row, new or changed. */
export function writeTable(cache: Cache, table: CacheTable): void {
  const { quarantine, waiting, joining } = table;
  const position = (quarantine ?? waiting ?? joining)?.position;
  cache.prepare(`INSERT OR REPLACE INTO _daystream_tables
    (schema, name, "table", oid, kind, identity, key, columns, pattern, choice, indexes, comments, state, snapshot, lsn, reason, cure, position, copy)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`).run(
    table.schema, table.name, table.table, table.oid, table.kind, table.identity,
    JSON.stringify(table.key), JSON.stringify(table.columns), table.pattern, JSON.stringify(table.choice),
    JSON.stringify(table.indexes ?? []), JSON.stringify(table.comments ?? {}), stateOf(table),
    joining?.snapshot ?? null, joining === undefined ? null : formatLsn(joining.lsn),
    (quarantine ?? waiting)?.reason ?? null, quarantine?.cure ?? null,
    position === undefined ? null : formatPosition(position),
    waiting?.copy === undefined ? null : JSON.stringify(waiting.copy),
  );
}

/** Why a table is out that was dropped in Postgres and kept. */
export const DROPPED = 'it was dropped in Postgres';

export function deleteTable(cache: Cache, { schema, name }: CacheTable): void {
  cache.prepare('DELETE FROM _daystream_tables WHERE schema = ? AND name = ?').run(schema, name);
}

function stateOf({ quarantine, waiting, joining }: CacheTable): string {
  if (quarantine !== undefined) return 'quarantined';
  if (waiting !== undefined) return 'waiting';
  return joining === undefined ? 'following' : 'joining';
}

/** The columns that the cache holds, ordered by attnum. */
export function heldColumns(table: CacheTable): HeldColumn[] {
  return table.columns.flatMap((column) => {
    const { as = column.name, ...rest } = column;
    // A key is what rows are found by: it keeps every digit.
    const numeric = table.key.includes(column.attnum) ? 'text' : table.choice.numeric ?? 'text';
    return as === null ? [] : [{ ...rest, as, numeric }];
  });
}

/** The key's columns in key order. */
export function keyColumns(table: CacheTable): HeldColumn[] {
  const held = heldColumns(table);
  return table.key.map((attnum) => {
    const column = held.find((candidate) => candidate.attnum === attnum);
    if (column === undefined) throw new Error(`key column ${attnum} of ${table.table} is not among its columns`);
    return column;
  });
}
