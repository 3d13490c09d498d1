/** Tables that an import would take from a cache by their names, though Postgres has them still, under other ones. */
import type pg from 'pg';
import { isFollowed, written, type Pattern } from '../daystream/pattern.js';
import type { Following } from '../daystream/following.js';
import { DeltaError } from '../errors.js';
import { tableByOid, type Chosen } from '../postgres/choice.js';
import { importTablesCommand } from '../sqlite/cure.js';
import { tableKey } from '../sqlite/names.js';
import type { CacheTable } from '../sqlite/tables.js';

type Named = Pick<Chosen, 'schema' | 'table'>;

/** The cache that gets the tables, and what was asked for. */
export interface Receiving {
  readonly path: string;
  readonly tables: readonly CacheTable[];
  readonly patterns: readonly Pattern[];
}

/** Throws DeltaError config where a table of the cache is called otherwise in Postgres by now, and is not chosen while another one of its old name is. */
export async function requireWithRenamed(client: pg.Client, chosen: readonly Chosen[], { path, tables, patterns }: Receiving, following: Following): Promise<void> {
  const byName = new Map(tables.map((table) => [tableKey(table.schema, table.name), table]));
  const oids = new Set(chosen.map(({ oid }) => oid));
  const renamed: { readonly before: CacheTable; readonly now: Named }[] = [];
  // One that comes too may take the name of yet another.
  const coming: Named[] = [...chosen];
  for (const { schema, table } of coming) {
    const before = byName.get(tableKey(schema, table));
    if (before === undefined || oids.has(before.oid)) continue;
    const now = await tableByOid(client, before.oid, following.partitions);
    // One that the log cannot carry cannot be had again either.
    if (now === undefined || now.reason !== undefined || !isFollowed(following.tables, now.schema, now.table)) continue;
    oids.add(before.oid);
    coming.push(now);
    renamed.push({ before, now });
  }
  if (renamed.length === 0) return;
  const said = renamed.map(({ before, now }) => `${before.schema}.${before.name} is another table in Postgres now, and the one that the cache has is ${now.schema}.${now.table}`);
  const together = [...patterns.map(({ text }) => text), ...renamed.map(({ now }) => written(now.schema, now.table))].join(',');
  throw new DeltaError('config', `${path}: ${said.join('; ')}`, { hint: `import them together: ${importTablesCommand(path, together)}` });
}
