/** Which tables a list of patterns chooses, and which it names but nobody can follow. */
import type pg from 'pg';
import { DeltaError } from '../errors.js';
import type { Partitions } from '../daystream/following.js';
import type { TableKind } from '../daystream/relation.js';
import { isExact, matches, written, type Pattern } from '../daystream/pattern.js';
import { HAS_FOREIGN_NAME, readable } from './names.js';

export interface Chosen {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  /** `partitioned`: the name its partitions' rows have in the log; `leaf`: a partition whose rows have its own. */
  readonly kind: TableKind;
  /** The first pattern that chooses it, as it was written. */
  readonly pattern: string;
}

/** A relation that a star took in and that is not followed. */
export interface PassedOver {
  readonly schema: string;
  readonly table: string;
  readonly reason: string;
}

export interface Choice {
  readonly chosen: readonly Chosen[];
  readonly passedOver: readonly PassedOver[];
}

interface Row {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly relkind: string;
  /** `p` permanent, `u` unlogged. */
  readonly persistence: string;
  /** Its name, or one within it, is not UTF-8. */
  readonly foreignName: boolean;
  /** Of a partition. */
  readonly root: string | null;
  readonly rootOid: number | null;
}

const SUGGESTION_LIMIT = 3;

/** Why a relation's rows cannot be followed; undefined where they can. */
type Judge = (row: Row) => string | undefined;

/**
 * Resolves the patterns against the catalog, for a log in which partitions go by those names.
 * Throws DeltaError usage for a pattern that matches no table, and for a name that is not a
 * table one can follow.
 */
export async function chooseTables(client: pg.Client, patterns: readonly Pattern[], partitions: Partitions = 'root'): Promise<Choice> {
  const { rows } = await client.query<Row>(QUERY);
  const unfollowable: Judge = partitions === 'root' ? judgeRoots(rows) : judgeLeaves;
  const exact = patterns.filter(isExact);
  const chosen: (Chosen & { readonly rootOid: number | null })[] = [];
  const rejected: { readonly row: Row; readonly reason: string }[] = [];
  for (const row of rows) {
    const pattern = patterns.find((candidate) => matches(candidate, row.schema, row.table));
    if (pattern === undefined) continue;
    const reason = unfollowable(row);
    if (reason === undefined) chosen.push({ oid: row.oid, schema: row.schema, table: row.table, kind: kindOf(row), pattern: pattern.text, rootOid: row.rootOid });
    else if (exact.some((named) => matches(named, row.schema, row.table))) throw await cannotFollow(client, row, reason, partitions);
    else rejected.push({ row, reason });
  }
  for (const pattern of patterns) {
    if (!chosen.some(({ schema, table }) => matches(pattern, schema, table))) throw nothingMatches(pattern, rows.filter((row) => unfollowable(row) === undefined));
  }
  const roots = new Set(chosen.map(({ oid, rootOid }) => rootOid ?? oid));
  return {
    chosen: chosen.map(({ rootOid: _, ...table }) => table),
    passedOver: rejected.filter(({ row }) => isWorthNaming(row, roots, partitions)).map(({ row, reason }) => ({ schema: row.schema, table: row.table, reason })),
  };
}

/**
 * The table with this oid, as rows have it in a log in which partitions go by those names; or why
 * its rows cannot all be followed. Undefined where there is none, and where none is meant to have rows in the log.
 */
export async function tableByOid(client: pg.Client, oid: number, partitions: Partitions): Promise<Omit<Chosen, 'pattern'> & { readonly reason: string | undefined } | undefined> {
  const { rows } = await client.query<Row>(ONE, [oid]);
  const row = rows.find((each) => each.oid === oid);
  if (row === undefined || row.foreignName || judgeLeaves(row) !== undefined && !(row.relkind === 'p' && partitions === 'root') || row.root !== null && partitions === 'root') return undefined;
  const reason = partitions === 'root' ? judgeRoots(rows)(row) : undefined;
  return { oid, schema: row.schema, table: row.table, kind: kindOf(row), reason };
}

function kindOf({ relkind, root }: Row): Chosen['kind'] {
  if (relkind === 'p') return 'partitioned';
  return root === null ? 'ordinary' : 'leaf';
}

/** A view has no rows of its own; a partition's are followed with its root, or a root's with its partitions. */
function isWorthNaming(row: Row, roots: ReadonlySet<number>, partitions: Partitions): boolean {
  if (row.relkind === 'v') return false;
  if (partitions === 'leaf' && row.relkind !== 'p') return true;
  return !roots.has(row.rootOid ?? row.oid);
}

/** Where a partition's rows go by its root's name. */
function judgeRoots(rows: readonly Row[]): Judge {
  const lost = new Map<number, Row>();
  for (const row of rows) if (row.rootOid !== null && isOutsideWal(row) && !lost.has(row.rootOid)) lost.set(row.rootOid, row);
  return (row) => {
    if (row.root !== null) return `is a partition of ${row.root}, whose name its rows have in the log`;
    const leaf = lost.get(row.oid);
    return whyNot(row) ?? (leaf && `its partition ${leaf.schema}.${leaf.table} is foreign or unlogged, so its changes are not in the WAL`);
  };
}

/** Where it goes by its own. */
function judgeLeaves(row: Row): string | undefined {
  return row.relkind === 'p' ? 'has no rows of its own; its partitions\' rows have their names in the log' : whyNot(row);
}

function whyNot(row: Row): string | undefined {
  if (row.relkind === 'v') return 'is a view; only tables can be followed';
  if (row.relkind === 'm') return 'is a materialized view; only tables can be followed';
  if (row.relkind === 'f') return 'is a foreign table; its changes are not in this Postgres\'s WAL';
  if (row.foreignName) return 'has a name (its own, or of a column, a type or an index) or a comment that is not UTF-8, which no log can hold';
  // A partitioned table has no rows of its own: what its partitions are counts.
  return row.persistence === 'u' && row.relkind !== 'p' ? 'is unlogged; its changes are not in the WAL' : undefined;
}

function isOutsideWal({ relkind, persistence }: Row): boolean {
  return relkind === 'f' || persistence === 'u';
}

async function cannotFollow(client: pg.Client, row: Row, reason: string, partitions: Partitions): Promise<DeltaError> {
  const instead = row.root !== null && partitions === 'root' ? `name the root: --tables ${row.root}` : undefined;
  const hint = row.relkind === 'p' && partitions === 'leaf' ? await leavesOf(client, row) : instead;
  return new DeltaError('usage', `${row.schema}.${row.table}: ${reason}`, { hint: hint ?? 'leave it out of --tables' });
}

/** What to write in place of a partitioned table. */
async function leavesOf(client: pg.Client, { oid }: Row): Promise<string | undefined> {
  const { rows } = await client.query<{ schema: string; table: string }>(LEAVES, [oid]);
  if (rows.length === 0) return undefined;
  const more = rows.length > SUGGESTION_LIMIT ? ',…' : '';
  return `name its partitions: --tables '${rows.slice(0, SUGGESTION_LIMIT).map(({ schema, table }) => written(schema, table)).join(',')}${more}'; or follow with deltastream --partitions root`;
}

function nothingMatches(pattern: Pattern, tables: readonly Row[]): DeltaError {
  if (!isExact(pattern)) {
    const schemas = [...new Set(tables.map(({ schema }) => `${schema}.*`))];
    return new DeltaError('usage', `${pattern.text}: no table there`, { hint: suggest(schemas) });
  }
  const sameName = tables.filter(({ table }) => table.toLowerCase() === pattern.table.toLowerCase());
  const sameSchema = tables.filter(({ schema }) => schema === pattern.schema);
  const near = [...sameName, ...sameSchema.sort((a, b) => distance(a.table, pattern.table) - distance(b.table, pattern.table))];
  return new DeltaError('usage', `${pattern.text}: no table ${pattern.schema}.${pattern.table}`, { hint: suggest(near.map((row) => written(row.schema, row.table))) });
}

function suggest(names: readonly string[]): string {
  const some = [...new Set(names)].slice(0, SUGGESTION_LIMIT);
  return some.length === 0 ? 'this database has no tables; is it the right one?' : `try: ${some.join(' or ')}`;
}

/** How many letters two names do not share in order: Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}

/** Which relations; partitions of a root are wanted with it. */
const query = (wanted: string) => `
  SELECT c.oid::int8::float8 AS oid, ${readable('n.nspname')} AS schema, ${readable('c.relname')} AS table, c.relkind::text AS relkind,
    c.relpersistence::text AS persistence, ${HAS_FOREIGN_NAME} AS "foreignName",
    CASE WHEN c.relispartition THEN ${readable('pg_partition_root(c.oid)::regclass::text')} END AS root,
    CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid::int8::float8 END AS "rootOid"
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'f', 'm', 'v') AND c.oid >= 16384
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'${wanted}
  ORDER BY n.nspname, c.relname`;

/** Takes no lock on what it reads about. Tables of initdb have oids below 16384, those of a session live in pg_temp_N: neither is followed. */
const QUERY = query('');
/** Not by pg_partition_tree(), which waits for whoever has locked one of them. */
const ONE = query(` AND c.oid IN (
    WITH RECURSIVE tree AS (SELECT $1::oid AS oid UNION SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = tree.oid) SELECT oid FROM tree)`);

const LEAVES = `
  SELECT ${readable('n.nspname')} AS schema, ${readable('c.relname')} AS table
  FROM pg_partition_tree($1::oid::regclass) AS t JOIN pg_class AS c ON c.oid = t.relid JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE t.isleaf AND c.relkind = 'r' AND c.relpersistence = 'p' ORDER BY 1, 2 LIMIT ${SUGGESTION_LIMIT + 1}`;
