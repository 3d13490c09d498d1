/** `_daystream_tables`: which tables the cache mirrors, their shape, and whether each is still followed. */
import { parsePosition, formatPosition, type Position } from '../daystream/position.js';
import type { RelationColumn, ReplicaIdentity } from '../daystream/relation.js';
import { readOwn, type Cache } from './open.js';

export interface CacheTable {
  readonly schema: string;
  readonly name: string;
  /** The table's name in the cache. */
  readonly table: string;
  readonly oid: number;
  readonly identity: ReplicaIdentity;
  /** Attribute numbers of the key columns in key order; empty without a key. */
  readonly key: readonly number[];
  /** Ordered by attnum. */
  readonly columns: readonly RelationColumn[];
  /** The pattern that chose the table. */
  readonly pattern: string;
  /** Why the table is no longer followed; undefined while it is. */
  readonly quarantine?: Quarantine;
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
  identity TEXT NOT NULL,
  key TEXT NOT NULL,
  columns TEXT NOT NULL,
  pattern TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('following', 'quarantined')),
  reason TEXT,
  cure TEXT,
  position TEXT,
  PRIMARY KEY (schema, name)
)`;

interface Row {
  schema: string; name: string; table: string; oid: number; identity: ReplicaIdentity; key: string; columns: string;
  pattern: string; state: string; reason: string | null; cure: string | null; position: string | null;
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
    identity: row.identity,
    key: JSON.parse(row.key),
    columns: JSON.parse(row.columns),
    pattern: row.pattern,
    ...(row.state === 'quarantined' && {
      quarantine: { reason: row.reason ?? '', cure: row.cure ?? '', position: parsePosition(row.position ?? '0:0') },
    }),
  };
}

/** Writes a table's row, new or changed. */
export function writeTable(cache: Cache, table: CacheTable): void {
  const { quarantine } = table;
  cache.prepare(`INSERT OR REPLACE INTO _daystream_tables
    (schema, name, "table", oid, identity, key, columns, pattern, state, reason, cure, position)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`).run(
    table.schema, table.name, table.table, table.oid, table.identity,
    JSON.stringify(table.key), JSON.stringify(table.columns), table.pattern,
    quarantine === undefined ? 'following' : 'quarantined',
    quarantine?.reason ?? null, quarantine?.cure ?? null,
    quarantine === undefined ? null : formatPosition(quarantine.position),
  );
}
