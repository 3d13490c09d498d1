/** A table's shape as a schema line states it (docs/format.md §3). */
import { DeltaError } from '../errors.js';
import type { Column, Line } from './codec.js';
import { formatPosition } from './position.js';
import { text } from './segment.js';

export type ReplicaIdentity = 'default' | 'full' | 'index' | 'nothing';

export interface RelationColumn {
  readonly name: string;
  readonly attnum: number;
  /** The type under all domains, in Postgres's spelling with its modifier. */
  readonly type: string;
  readonly notNull: boolean;
  /** What rows hold that are older than the column, as Postgres prints it; undefined: NULL. */
  readonly missing?: string;
}

export interface Relation {
  readonly schema: string;
  readonly table: string;
  readonly oid: number;
  readonly identity: ReplicaIdentity;
  /** Attribute numbers of the key columns, in key order; none without a usable key. */
  readonly key: readonly number[];
  readonly columns: readonly RelationColumn[];
}

export const PUBLIC = 'public';

export function decodeRelation(line: Line): Relation {
  const key = text(line, '_key');
  return {
    schema: line.own.get('_schema') ?? PUBLIC,
    table: text(line, '_table'),
    oid: Number(text(line, '_oid')),
    identity: text(line, '_identity') as ReplicaIdentity,
    key: key === '' ? [] : key.split(',').map(Number),
    columns: line.columns.map((column) => decodeColumn(line, column)),
  };
}

function decodeColumn(line: Line, { name, value, missing }: Column): RelationColumn {
  const match = /^(\d+) (null|notnull) (.+)$/s.exec(value ?? '');
  if (match === null) {
    throw new DeltaError('log-damaged', `the schema line at ${formatPosition(line.position)} has no shape for column ${name}`);
  }
  const column = { name, attnum: Number(match[1]), notNull: match[2] === 'notnull', type: match[3] };
  return missing === undefined ? column : { ...column, missing };
}
