/** A relation as the server describes it to whoever decodes, against what the catalog says of it. */
import type { Relation, RelationColumn } from '../../daystream/relation.js';
import type { RelationMessage } from '../../postgres/pgoutput/messages.js';
import type { ColumnState, RelationState } from '../../postgres/relation-state.js';
import type { Shape } from './shape.js';

const LETTERS: Readonly<Record<RelationMessage['identity'], string>> = { default: 'd', full: 'f', index: 'i', nothing: 'n' };

/** True where nothing that the message says is otherwise in the catalog. `generated`: the server sends stored generated columns. */
export function fits(message: RelationMessage, state: RelationState, generated: boolean): boolean {
  const columns = state.columns.filter((column) => generated || !column.generated);
  return message.schema === state.schema && message.table === state.table && LETTERS[message.identity] === state.identity &&
    message.columns.length === columns.length &&
    message.columns.every(({ name, type, typmod }, i) => name === columns[i].name && type === columns[i].typeOid && typmod === columns[i].typmod) &&
    (message.identity === 'full' || sameNames(message.columns.filter(({ isKey }) => isKey).map(({ name }) => name), identityNames(state)));
}

/** How its rows are written. A key of which a column does not come is none. */
export function shapeOf(message: RelationMessage, relation: Relation): Shape {
  const names = new Set(relation.columns.map(({ name }) => name));
  const key = relation.key.map((attnum) => {
    const column = relation.columns.find((candidate) => candidate.attnum === attnum);
    return message.columns.findIndex(({ name }) => name === column?.name);
  });
  return {
    oid: message.oid,
    schema: message.schema,
    table: message.table,
    columns: message.columns.map(({ name }) => (names.has(name) ? name : undefined)),
    key: key.includes(-1) ? [] : key,
    isFull: relation.identity === 'full',
  };
}

/**
 * The relation as the message has it, where no catalog says the rest: attribute numbers by name and
 * type from what is known of it, others behind them. A copy states it right.
 */
export function guess(message: RelationMessage, known: readonly RelationState[], kind: Relation['kind']): Relation {
  const columns = known.flatMap((state) => state.columns);
  const used = new Set<number>();
  let next = Math.max(0, ...columns.map(({ attnum }) => attnum));
  const relation = message.columns.map(({ name, type, typmod }): RelationColumn => {
    const same = columns.find((column) => column.name === name && column.typeOid === type && !used.has(column.attnum));
    const attnum = same?.attnum ?? ++next;
    used.add(attnum);
    return { name, attnum, notNull: false, type: typeText(columns, type, typmod) };
  });
  const key = message.identity === 'full' ? [] : message.columns.flatMap(({ isKey }, i) => (isKey ? [relation[i].attnum] : []));
  return { schema: message.schema, table: message.table, oid: message.oid, kind, identity: message.identity, key, columns: [...relation].sort((a, b) => a.attnum - b.attnum) };
}

function typeText(columns: readonly ColumnState[], type: number, typmod: number): string {
  const same = columns.find((column) => column.typeOid === type && column.typmod === typmod);
  return same?.type ?? 'text';
}

/** The columns of the replica identity's index: the server's own rule. */
function identityNames({ identity, indexes, columns }: RelationState): string[] {
  const index = indexes.find(({ valid, immediate, primary, replicaIdentity }) => valid && immediate && (identity === 'd' ? primary : identity === 'i' && replicaIdentity));
  return columns.filter(({ attnum }) => index?.attnums.includes(attnum)).map(({ name }) => name);
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

/** True where the log is told the same of both. */
export function isSame(a: RelationState, b: RelationState): boolean {
  return shown(a) === shown(b);
}

function shown({ oid, schema, table, relkind, persistence, identity, isPartition, root, columns, missing, indexes, comments }: RelationState): string {
  const rows = (list: readonly object[]) => list.map((row) => Object.entries(row).sort(([x], [y]) => (x < y ? -1 : 1)));
  return JSON.stringify([oid, schema, table, relkind, persistence, identity, isPartition, root, rows(columns), Object.entries(missing).sort(), rows(indexes), rows(comments)]);
}
