/** What the log states of a table: shape, indexes, comments (docs/format.md §3). */
import { DeltaError } from '../errors.js';
import { encodeKey, type Column, type Line, type Pair } from './codec.js';
import { formatPosition } from './position.js';
import { text } from './segment.js';

export type ReplicaIdentity = 'default' | 'full' | 'index' | 'nothing';

/** What a table's rows are in the log: its own, those of all its partitions, or those of one partition under its own name. */
export type TableKind = 'ordinary' | 'partitioned' | 'leaf';

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
  /** Stays where the table is renamed; another table under the same name has another. */
  readonly oid: number;
  readonly kind: TableKind;
  readonly identity: ReplicaIdentity;
  /** Attribute numbers of the key columns, in key order; none without a usable key. */
  readonly key: readonly number[];
  readonly columns: readonly RelationColumn[];
}

/** A plain index: not partial, over columns alone. */
export interface RelationIndex {
  readonly name: string;
  readonly columns: readonly IndexColumn[];
}

export interface IndexColumn {
  readonly attnum: number;
  readonly descending: boolean;
}

export interface RelationComments {
  readonly table: string | undefined;
  /** By column name. */
  readonly columns: ReadonlyMap<string, string>;
}

export const PUBLIC = 'public';

export function decodeRelation(line: Line): Relation {
  const key = text(line, '_key');
  return {
    schema: line.own.get('_schema') ?? PUBLIC,
    table: text(line, '_table'),
    oid: Number(text(line, '_oid')),
    kind: (line.own.get('_kind') ?? 'ordinary') as TableKind,
    identity: text(line, '_identity') as ReplicaIdentity,
    key: key === '' ? [] : key.split(',').map(Number),
    columns: line.columns.map((column) => decodeColumn(line, column)),
  };
}

/** Of an `indexes` line. */
export function decodeIndexes(line: Line): RelationIndex[] {
  return line.columns.map(({ name, value }) => ({
    name,
    columns: (value ?? '').split(',').map((part) => {
      const match = /^(\d+)( desc)?$/.exec(part);
      if (match === null) throw new DeltaError('log-damaged', `the indexes line at ${formatPosition(line.position)} has no columns for index ${name}`);
      return { attnum: Number(match[1]), descending: match[2] !== undefined };
    }),
  }));
}

/** Of a `comments` line. */
export function decodeComments(line: Line): RelationComments {
  return { table: line.own.get('_comment') ?? undefined, columns: new Map(line.columns.map(({ name, value }) => [name, value ?? ''])) };
}

/** The pairs of a schema line behind its action; what a column's older rows hold is not among them. */
export function relationPairs({ oid, kind, identity, key, columns }: Relation): Pair[] {
  return [
    ['_oid', String(oid)], ...(kind === 'ordinary' ? [] : [['_kind', kind] as const]), ['_identity', identity], ['_key', key.join()],
    ...columns.map(({ name, attnum, notNull, type }): Pair => [encodeKey(name), `${attnum} ${notNull ? 'notnull' : 'null'} ${type}`]),
  ];
}

/** The pairs of an indexes line behind `_oid`. */
export function indexPairs(indexes: readonly RelationIndex[]): Pair[] {
  const inBytes = (a: RelationIndex, b: RelationIndex) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));
  return [...indexes].sort(inBytes).map(({ name, columns }) => [encodeKey(name), columns.map(({ attnum, descending }) => `${attnum}${descending ? ' desc' : ''}`).join()]);
}

/** The pairs of a comments line behind `_oid`. */
export function commentPairs({ table, columns }: RelationComments): Pair[] {
  return [...(table === undefined ? [] : [['_comment', table] as const]), ...[...columns].map(([name, comment]): Pair => [encodeKey(name), comment])];
}

/** The pairs of a table's own line up to its action: `_schema` only where it is not `public`. */
export function placePairs(schema: string, table: string): Pair[] {
  return [...(schema === PUBLIC ? [] : [['_schema', schema] as const]), ['_table', table]];
}

function decodeColumn(line: Line, { name, value, missing }: Column): RelationColumn {
  const match = /^(\d+) (null|notnull) (.+)$/s.exec(value ?? '');
  if (match === null) {
    throw new DeltaError('log-damaged', `the schema line at ${formatPosition(line.position)} has no shape for column ${name}`);
  }
  const column = { name, attnum: Number(match[1]), notNull: match[2] === 'notnull', type: match[3] };
  return missing === undefined ? column : { ...column, missing };
}
