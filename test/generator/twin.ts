/**
 * The same WAL by two decoders: what the daystream says against what contrib's test_decoding says,
 * transaction by transaction, change by change, column by column. What is made equal beforehand,
 * since the two formats say it in different ways:
 *
 * - Transactions without a change to a followed table are left out on both sides, and so are schema
 *   lines, which test_decoding does not have.
 * - A materialized view's rows, which test_decoding has and we do not follow, are left out.
 * - The xid: test_decoding prints its lower 32 bits.
 * - Booleans: `true` and `false` there, `t` and `f` in ours (made so by the parser).
 * - Partitions: test_decoding names the partition, and its columns in the partition's own order;
 *   ours the root (where the log goes by partitions, it is the partition in both, and a truncate of the
 *   root stands for those of its partitions). Rows are compared by the columns' names.
 * - A truncate there is one line for all its tables, a partitioned table's partitions among them;
 *   ours is one line for each root.
 * - Old rows: test_decoding has one whenever the WAL does, all columns under REPLICA IDENTITY FULL,
 *   NULLs left out. With a key ours has the key columns only, and for an update only where the key
 *   changed; without one the whole row, NULLs included.
 * - A value that is stored out of line and unchanged is marked there; ours leaves the column out,
 *   unless the old row holds it: then it is in the new row too.
 */
import type pg from 'pg';
import { readTransactions, type Change, type Relation } from '../../src/index.js';
import { Difference } from './difference.js';
import { shortened, type Partitions } from './equality.js';
import { parseTransactions, UNCHANGED, type TableName, type TwinChange, type TwinRow } from './test-decoding.js';

export const TWIN = 'twin';

type Row = ReadonlyMap<string, string | null>;

/** A change as both sides must have it. */
interface Plain {
  readonly kind: 'insert' | 'update' | 'delete' | 'truncate';
  readonly table: string;
  readonly row?: Row;
  readonly old?: Row;
}

interface PlainTransaction {
  readonly xid: bigint;
  readonly changes: readonly Plain[];
}

/** The relations as our log states them, at the place where it is read. */
type Relations = Map<string, Relation>;

const nameOf = ({ schema, table }: TableName) => JSON.stringify([schema, table]);

/** Takes the twin's changes and compares them with the log's from a position on. Throws with the first difference; gives the changes compared. */
export async function requireTwin(client: pg.Client, log: string, from: string | undefined, schemas: readonly string[], partitions: Partitions): Promise<number> {
  const relations: Relations = new Map();
  const ours = await readOurs(log, from, new Set(schemas), relations);
  const theirs = await readTheirs(client, new Set(schemas), relations, partitions === 'root' ? await rootsOf(client) : new Map());
  for (let i = 0; i < Math.max(ours.length, theirs.length); i++) requireSame(ours[i], theirs[i]);
  return ours.reduce((sum, { changes }) => sum + changes.length, 0);
}

function requireSame(ours: PlainTransaction | undefined, theirs: PlainTransaction | undefined): void {
  if (ours === undefined || theirs === undefined || BigInt.asUintN(32, ours.xid) !== theirs.xid) {
    throw new Difference(schemaOf(ours ?? theirs), `the daystream has transaction ${ours?.xid} (${describe(ours?.changes[0])}) where test_decoding has ${theirs?.xid} (${describe(theirs?.changes[0])})`);
  }
  for (let i = 0; i < Math.max(ours.changes.length, theirs.changes.length); i++) {
    const [a, b] = [describe(ours.changes[i]), describe(theirs.changes[i])];
    if (a !== b) throw new Difference(schemaOf(ours), `change ${i} of transaction ${ours.xid} is ${differing(a, b)} in the daystream and ${differing(b, a)} in test_decoding`);
  }
}

function schemaOf(transaction: PlainTransaction | undefined): string {
  const [schema] = JSON.parse(transaction?.changes[0]?.table ?? '[""]') as [string];
  return schema;
}

/** A canonical text. */
function describe(change: Plain | undefined): string {
  if (change === undefined) return 'nothing';
  const entries = (row: Row | undefined) => row && [...row].sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([change.kind, change.table, 'row', entries(change.row), 'old', entries(change.old)]);
}

/** The text from a little before the first difference. */
function differing(text: string, other: string): string {
  let at = 0;
  while (at < text.length && text[at] === other[at]) at++;
  return at < 100 ? shortened(text) : `${text.slice(0, 100)}…${shortened(text.slice(at - 60))}`;
}

async function readOurs(log: string, from: string | undefined, schemas: ReadonlySet<string>, relations: Relations): Promise<PlainTransaction[]> {
  const all: PlainTransaction[] = [];
  for await (const transaction of readTransactions(log, { from })) {
    const changes: Plain[] = [];
    for await (const change of transaction.changes()) {
      if (change.kind !== 'message' && schemas.has(change.schema)) changes.push(...plainOf(change, relations));
    }
    if (changes.length > 0) all.push({ xid: transaction.xid, changes });
  }
  return all;
}

function plainOf(change: Exclude<Change, { kind: 'message' }>, relations: Relations): Plain[] {
  const table = nameOf(change);
  switch (change.kind) {
    case 'schema':
    case 'create': relations.set(table, change.relation); return [];
    case 'drop':
    case 'indexes':
    case 'comments': return [];
    case 'stale': return []; // what the log has of its rows is still what the twin has
    case 'quarantine': throw new Difference(change.schema, `the daystream puts ${table} in quarantine: ${change.reason}`);
    case 'truncate': return [{ kind: 'truncate', table }];
    case 'insert': return [{ kind: 'insert', table, row: whole(change, change.row, relations.get(table)) }];
    case 'update': return [{ kind: 'update', table, row: change.row, old: change.old }];
    case 'delete': return [{ kind: 'delete', table, old: change.old }];
  }
}

/** An inserted row, which must have every column. */
function whole({ schema, table }: TableName, row: Row, relation: Relation | undefined): Row {
  const missing = relation?.columns.find(({ name }) => !row.has(name));
  if (relation === undefined || missing !== undefined) throw new Difference(schema, `an insert into ${table} lacks its ${relation === undefined ? 'schema line' : `column ${missing?.name}`}`);
  return row;
}

async function readTheirs(client: pg.Client, schemas: ReadonlySet<string>, relations: Relations, roots: ReadonlyMap<string, TableName>): Promise<PlainTransaction[]> {
  const { rows } = await client.query<{ data: string }>(`SELECT data FROM pg_logical_slot_get_changes('${TWIN}', NULL, NULL, 'include-xids', '1', 'skip-empty-xacts', '1')`);
  const rowless = await rowlessOf(client, roots.size === 0);
  const lines = rows.map(({ data }) => data);
  return parseTransactions(lines)
    .map(({ xid, changes }) => ({ xid, changes: changes.flatMap((change) => plainOfTwin(change, (place) => schemas.has(place.schema) && !rowless.has(nameOf(place)), relations, roots)) }))
    .filter(({ changes }) => changes.length > 0);
}

/** Materialized views; and partitioned tables, where a truncate of one is told by its partitions. */
async function rowlessOf(client: pg.Client, partitioned: boolean): Promise<Set<string>> {
  const { rows } = await client.query<TableName>("SELECT nspname::text AS schema, relname::text AS table FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'm' OR $1 AND relkind = 'p'", [partitioned]);
  return new Set(rows.map(nameOf));
}

async function rootsOf(client: pg.Client): Promise<Map<string, TableName>> {
  const { rows } = await client.query<{ schema: string; leaf: string; root: string; of: string }>(`
    SELECT n.nspname::text AS schema, c.relname::text AS leaf, rn.nspname::text AS of, r.relname::text AS root
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_class r ON r.oid = pg_partition_root(c.oid) JOIN pg_namespace rn ON rn.oid = r.relnamespace WHERE c.relispartition`);
  return new Map(rows.map(({ schema, leaf, root, of }) => [nameOf({ schema, table: leaf }), { schema: of, table: root }]));
}

function plainOfTwin(change: TwinChange, isFollowed: (place: TableName) => boolean, relations: Relations, roots: ReadonlyMap<string, TableName>): Plain[] {
  const rootOf = (place: TableName) => nameOf(roots.get(nameOf(place)) ?? place);
  if (change.kind === 'truncate') {
    return [...new Set(change.tables.filter(isFollowed).map(rootOf))].map((table) => ({ kind: 'truncate', table }));
  }
  if (!isFollowed(change)) return [];
  const table = rootOf(change);
  const relation = relations.get(table);
  if (relation === undefined) throw new Difference(change.schema, `the daystream has no schema line for ${table}`);
  switch (change.kind) {
    case 'insert': return [{ kind: 'insert', table, row: filled(change.row, undefined) }];
    case 'update': {
      const row = filled(change.row, change.old);
      const old = oldRow(change.old, relation);
      const sameKey = relation.key.length > 0 && [...old ?? []].every(([name, value]) => row.get(name) === value);
      return [{ kind: 'update', table, row, old: sameKey ? undefined : old }];
    }
    case 'delete': return [{ kind: 'delete', table, old: oldRow(change.old, relation) }];
  }
}

/** The new row; what is marked as unchanged is taken from the old one, or left out. */
function filled(row: TwinRow, old: TwinRow | undefined): Row {
  const result = new Map<string, string | null>();
  for (const [name, value] of row) {
    const known = value === UNCHANGED ? old?.get(name) : value;
    if (known !== undefined && known !== UNCHANGED) result.set(name, known);
  }
  return result;
}

/** The key's columns, or all of them with the NULLs that were left out. */
function oldRow(old: TwinRow | undefined, relation: Relation): Row | undefined {
  if (old === undefined) return undefined;
  const names = relation.columns.filter(({ attnum }) => relation.key.length === 0 || relation.key.includes(attnum)).map(({ name }) => name);
  return filled(new Map(names.map((name) => [name, old.get(name) ?? null])), undefined);
}
