/** What becomes of each table where history broke: compared, copied anew, or gone. */
import type { Due } from '../daystream/due.js';
import type { SourceTable } from '../postgres/catalog.js';
import { tableKey } from '../sqlite/names.js';
import type { CacheColumn, CacheTable } from '../sqlite/tables.js';
import type { Standing } from './standing.js';

/** A table of the new history and the same one as the log has it. */
export interface Compared {
  readonly source: SourceTable;
  /** In the file that its rows are read into. */
  readonly table: CacheTable;
  readonly old: CacheTable;
}

export interface Copied {
  readonly source: SourceTable;
  readonly why: string;
}

export interface Plan {
  readonly compared: readonly Compared[];
  /** Of which a copy has to come through the log. */
  readonly copied: readonly Copied[];
  /** Of which a copy has to come for readers that lack them. */
  readonly offered: readonly number[];
  /** What the log has and Postgres does not. */
  readonly dropped: readonly CacheTable[];
}

/** `present`: every name in Postgres, followed or not. `due`: of what copies were due at the log's end. Without a `standing` nothing can be compared. */
export function planTables(sources: readonly SourceTable[], present: ReadonlySet<string>, standing: Standing | undefined, due: Due): Plan {
  const whole = new Map(standing?.whole.map((table) => [nameOf(table), table]));
  const out = new Map(standing?.out.map(({ table, why }) => [nameOf(table), why]));
  const names = new Map([...standing?.whole ?? [], ...standing?.out.map(({ table }) => table) ?? []].map((table) => [table.oid, nameOf(table)]));
  const needed = (to: 'missing' | undefined) => new Set(due.needs.filter((need) => need.to === to).map(({ oid }) => names.get(oid)));
  const [reload, offer] = [needed(undefined), needed('missing')];
  const compared: Compared[] = [];
  const copied: Copied[] = [];
  for (const source of sources) {
    const name = tableKey(source.schema, source.table);
    const old = whole.get(name);
    const why = reload.has(name) ? 'a copy of it was due' : old === undefined ? out.get(name) ?? (standing === undefined ? 'no cache was given' : 'the cache does not have it') : difference(source, old);
    if (old === undefined || why !== undefined) copied.push({ source, why: why ?? '' });
    else compared.push({ source, table: scratchTable(source), old });
  }
  return {
    compared,
    copied,
    offered: compared.filter(({ source }) => offer.has(tableKey(source.schema, source.table))).map(({ source }) => source.oid),
    dropped: [...names.values()].filter((name) => !present.has(name)).flatMap((name) => whole.get(name) ?? standing?.out.find(({ table }) => nameOf(table) === name)?.table ?? []),
  };
}

/** In what the shapes differ, so that rows cannot be told apart one by one; undefined where they do not. */
function difference({ relation }: SourceTable, old: CacheTable): string | undefined {
  const types = ({ columns }: { readonly columns: readonly CacheColumn[] }) => columns.map(({ name, type }) => `${name}\0${type}`).sort().join('\n');
  const key = ({ columns, key: attnums }: { readonly columns: readonly CacheColumn[]; readonly key: readonly number[] }) => attnums.map((attnum) => columns.find((column) => column.attnum === attnum)?.name).join('\n');
  if (types(relation) !== types(old)) return 'its columns are others';
  return key(relation) === key(old) ? undefined : 'its key is another one';
}

/** Names that SQLite can have whatever Postgres's are, and no hashes. */
function scratchTable({ relation, schema, table, oid, kind }: SourceTable): CacheTable {
  return {
    schema, name: table, table: `t${oid}`, oid, kind, identity: 'default', key: relation.key,
    columns: relation.columns.map((column) => ({ ...column, as: `c${column.attnum}` })), pattern: '', choice: {}, indexes: [],
  };
}

function nameOf({ schema, name }: CacheTable): string {
  return tableKey(schema, name);
}
