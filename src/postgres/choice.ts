/** Which tables a list of patterns chooses, and which it names but nobody can follow. */
import type pg from 'pg';
import { DeltaError } from '../errors.js';
import { isExact, matches, type Pattern } from '../daystream/pattern.js';

export interface Chosen {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly kind: 'ordinary' | 'partitioned';
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
  /** Of a partition. */
  readonly root: string | null;
  readonly rootOid: number | null;
}

const SUGGESTION_LIMIT = 3;

/**
 * Resolves the patterns against the catalog. Throws DeltaError usage for a pattern that
 * matches no table, and for a name that is not a table one can follow.
 */
export async function chooseTables(client: pg.Client, patterns: readonly Pattern[]): Promise<Choice> {
  const { rows } = await client.query<Row>(QUERY);
  const chosen: Chosen[] = [];
  const rejected: { readonly row: Row; readonly reason: string }[] = [];
  for (const row of rows) {
    const pattern = patterns.find((candidate) => matches(candidate, row.schema, row.table));
    if (pattern === undefined) continue;
    const reason = unfollowable(row, rows);
    if (reason === undefined) {
      chosen.push({ oid: row.oid, schema: row.schema, table: row.table, kind: row.relkind === 'p' ? 'partitioned' : 'ordinary', pattern: pattern.text });
    } else if (patterns.some((named) => isExact(named) && matches(named, row.schema, row.table))) {
      throw new DeltaError('usage', `${row.schema}.${row.table}: ${reason}`, { hint: row.root === null ? 'leave it out of --tables' : `name the root: --tables ${row.root}` });
    } else {
      rejected.push({ row, reason });
    }
  }
  for (const pattern of patterns) {
    if (!chosen.some(({ schema, table }) => matches(pattern, schema, table))) throw nothingMatches(pattern, rows);
  }
  return { chosen, passedOver: rejected.filter(({ row }) => isWorthNaming(row, chosen)).map(({ row, reason }) => ({ schema: row.schema, table: row.table, reason })) };
}

/** A view has no rows of its own, and a partition's are followed with its root. */
function isWorthNaming(row: Row, chosen: readonly Chosen[]): boolean {
  return row.relkind !== 'v' && !chosen.some(({ oid }) => oid === row.rootOid);
}

/** Why a relation's rows cannot be followed; undefined where they can. */
function unfollowable(row: Row, all: readonly Row[]): string | undefined {
  if (row.root !== null) return `is a partition of ${row.root}, whose name its rows have in the log`;
  if (row.relkind === 'v') return 'is a view; only tables can be followed';
  if (row.relkind === 'm') return 'is a materialized view; only tables can be followed';
  if (row.relkind === 'f') return 'is a foreign table; its changes are not in this Postgres\'s WAL';
  if (row.persistence === 'u') return 'is unlogged; its changes are not in the WAL';
  const leaf = all.find(({ rootOid, relkind, persistence }) => rootOid === row.oid && (relkind === 'f' || persistence === 'u'));
  return leaf && `its partition ${leaf.schema}.${leaf.table} is foreign or unlogged, so its changes are not in the WAL`;
}

function nothingMatches(pattern: Pattern, rows: readonly Row[]): DeltaError {
  const tables = rows.filter((row) => unfollowable(row, rows) === undefined);
  if (!isExact(pattern)) {
    const schemas = [...new Set(tables.map(({ schema }) => `${schema}.*`))];
    return new DeltaError('usage', `--tables ${pattern.text}: no table there`, { hint: suggest(schemas) });
  }
  const sameName = tables.filter(({ table }) => table.toLowerCase() === pattern.table.toLowerCase());
  const sameSchema = tables.filter(({ schema }) => schema === pattern.schema);
  const near = [...sameName, ...sameSchema.sort((a, b) => distance(a.table, pattern.table) - distance(b.table, pattern.table))];
  return new DeltaError('usage', `--tables ${pattern.text}: no table ${pattern.schema}.${pattern.table}`, { hint: suggest(near.map(written)) });
}

function suggest(names: readonly string[]): string {
  const some = [...new Set(names)].slice(0, SUGGESTION_LIMIT);
  return some.length === 0 ? 'this database has no tables; is it the right one?' : `try: ${some.join(' or ')}`;
}

/** As one writes it in a pattern. */
function written({ schema, table }: { readonly schema: string; readonly table: string }): string {
  const name = (text: string) => (/^[a-z_][a-z0-9_$]*$/.test(text) ? text : `"${text.replaceAll('"', '""')}"`);
  return schema === 'public' ? name(table) : `${name(schema)}.${name(table)}`;
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

/** Takes no lock on what it reads about. Tables of initdb have oids below 16384, those of a session live in pg_temp_N: neither is followed. */
const QUERY = `
  SELECT c.oid::int8::float8 AS oid, n.nspname::text AS schema, c.relname::text AS table, c.relkind::text AS relkind,
    c.relpersistence::text AS persistence,
    CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::regclass::text END AS root,
    CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid::int8::float8 END AS "rootOid"
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'f', 'm', 'v') AND c.oid >= 16384
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  ORDER BY n.nspname, c.relname`;
