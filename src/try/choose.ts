/** Which tables are tried: those that can be copied and followed with this role's rights. The others are named, each with its cure. */
import type pg from 'pg';
import { parsePatterns, written } from '../daystream/pattern.js';
import { DeltaError } from '../errors.js';
import { chooseTables, type Chosen } from '../postgres/choice.js';
import { placeOf } from '../postgres/connection.js';
import { translate } from '../postgres/failure.js';
import { quoteName, readPublished, unpublishable, type PublishedTable } from '../postgres/publication.js';
import { PGOUTPUT, type PluginName } from '../postgres/slot.js';

/** More do not fit into a command line; patterns would choose what has to be left out. */
const TABLES_LIMIT = 500;
const SIZES_TIMEOUT_MS = 60_000;

export interface TriedTable {
  readonly schema: string;
  readonly table: string;
  /** On the server's disk, with its partitions, without indexes. */
  readonly bytes: number;
}

export interface LeftOut {
  readonly schema: string;
  readonly table: string;
  readonly reason: string;
  /** What to type; empty where nothing helps. */
  readonly cure: string;
}

export interface ChosenTables {
  readonly tables: readonly TriedTable[];
  readonly leftOut: readonly LeftOut[];
}

interface Right {
  readonly oid: number;
  readonly maySelect: boolean;
  readonly hidesRows: boolean;
  readonly bytes: number;
}

/** Throws DeltaError `usage` as `chooseTables`, `config` where none is left or there are too many. */
export async function chooseTried(client: pg.Client, patterns: string, plugin: PluginName): Promise<ChosenTables> {
  try {
    const { chosen, passedOver } = await chooseTables(client, parsePatterns(patterns));
    const rights = new Map((await readRights(client, chosen)).map((right) => [right.oid, right]));
    const published = new Map((await readPublished(client, '', 'root')).map((table) => [table.oid, table]));
    const tables: TriedTable[] = [];
    const leftOut: LeftOut[] = passedOver.map(({ schema, table, reason }) => ({ schema, table, reason: `it ${reason}`, cure: '' }));
    for (const { oid, schema, table } of chosen) {
      const right = rights.get(oid);
      if (right === undefined) continue; // dropped meanwhile
      const against = whyNot(client.user ?? '', { schema, table, ...right }, published.get(oid), plugin);
      if (against === undefined) tables.push({ schema, table, bytes: right.bytes });
      else leftOut.push({ schema, table, ...against });
    }
    return { tables, leftOut };
  } catch (cause) {
    throw translate(cause, placeOf(client));
  }
}

/** Throws DeltaError `config` where there is nothing to try, or too much of it. */
export function requireTryable(place: string, { tables, leftOut }: ChosenTables): void {
  if (tables.length > TABLES_LIMIT) throw new DeltaError('config', `${place}: ${tables.length} tables are more than are tried at once (${TABLES_LIMIT})`, { hint: "choose some: --tables 'flights,sales.*'" });
  if (tables.length === 0) throw new DeltaError('config', `${place}: no table is left to try${leftOut.length > 0 ? ', each for the reason above' : ''}`, { hint: leftOut.find(({ cure }) => cure !== '')?.cure });
}

/** As one writes them behind --tables. */
export function patternsOf(tables: readonly TriedTable[]): string {
  return tables.map(({ schema, table }) => written(schema, table)).join(',');
}

function whyNot(role: string, { schema, table, maySelect, hidesRows }: Right & { schema: string; table: string }, published: PublishedTable | undefined, plugin: PluginName): Omit<LeftOut, 'schema' | 'table'> | undefined {
  const name = `${quoteName(schema)}.${quoteName(table)}`;
  if (!maySelect) return { reason: `role "${role}" may not read it`, cure: `GRANT USAGE ON SCHEMA ${quoteName(schema)} TO ${quoteName(role)}; GRANT SELECT ON ${name} TO ${quoteName(role)};` };
  if (hidesRows) return { reason: `row security hides rows of it from role "${role}"`, cure: `ALTER ROLE ${quoteName(role)} BYPASSRLS;` };
  const without = published && unpublishable(published);
  // With our plugin it would be followed until the first update or delete, which would leave nothing to compare.
  if (without !== undefined) return { reason: plugin === PGOUTPUT ? without.reason : without.reason.replace(/, so pgoutput .*/, ', so its updates and deletes carry no key'), cure: without.cure };
  if (plugin !== PGOUTPUT || published === undefined || published.isOwner) return undefined;
  return { reason: `it belongs to role "${published.owner}", who alone may publish it`, cure: `GRANT ${quoteName(published.owner)} TO ${quoteName(role)};` };
}

async function readRights(client: pg.Client, chosen: readonly Chosen[]): Promise<Right[]> {
  await client.query("select set_config('statement_timeout', $1, false)", [String(SIZES_TIMEOUT_MS)]);
  const { rows } = await client.query<Right>(RIGHTS, [chosen.map(({ oid }) => oid)]);
  await client.query("select set_config('statement_timeout', '0', false)");
  return rows;
}

/** A partitioned table has its partitions' size. Sizes wait for whoever has locked a table for himself. */
const RIGHTS = `
  select c.oid::int8::float8 as oid,
         has_schema_privilege(c.relnamespace, 'USAGE') and has_table_privilege(c.oid, 'SELECT') as "maySelect",
         row_security_active(c.oid) as "hidesRows",
         (with recursive tree as (select c.oid as oid union select inhrelid from pg_catalog.pg_inherits join tree on inhparent = tree.oid where c.relkind = 'p')
          select coalesce(sum(pg_table_size(oid::regclass)), 0) from tree)::float8 as bytes
    from pg_catalog.pg_class c where c.oid = any ($1::oid[])`;
