/**
 * The publication of a slot whose plugin is pgoutput: what it has, and what it ought to have. It
 * bears the slot's name and is a list of tables. One without a replica identity that works is kept
 * out of it: where a publication publishes updates, Postgres refuses the application's UPDATE of
 * such a table (CheckCmdReplicaIdentity). So is a root of which a partition's old rows do not hold
 * the key: pgoutput says of them what is true of the root's.
 */
import type pg from 'pg';
import type { Partitions } from '../daystream/following.js';
import { isFollowed } from '../daystream/pattern.js';
import { HAS_FOREIGN_NAME, readable } from './names.js';
import { keyOf, USABLE } from './tables.js';

/** PostgreSQL 15 was the first to publish schemas, 18 the first to publish stored generated columns. */
export const SCHEMAS_SINCE = 150_000;
export const GENERATED_SINCE = 180_000;

export interface Publication {
  readonly oid: number;
  readonly name: string;
  readonly owner: string;
  readonly mayAlter: boolean;
  /** Of all tables, or of all that a schema has, so that none can be kept out. */
  readonly isOpen: boolean;
  /** All four kinds of change. */
  readonly publishesAll: boolean;
  readonly viaRoot: boolean;
  /** True before PostgreSQL 18, where it cannot be said. */
  readonly generated: boolean;
  readonly comment: string | null;
  /** The raw xid that wrote what it is set to, or its name. */
  readonly writer: string;
}

/** A table that could be in a publication, or is. */
export interface PublishedTable {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  /** Qualified and quoted. */
  readonly name: string;
  readonly isPartitioned: boolean;
  readonly owner: string;
  /** The role has the owner's rights, without which no table is put into a publication. */
  readonly isOwner: boolean;
  /** It has rows in a log in which partitions go by those names. */
  readonly isTable: boolean;
  /** The oid and the version of the row of pg_publication_rel; null: it is not in the publication. */
  readonly member: string | null;
  /** That row looks like one that the event trigger wrote in the transaction that made the table. */
  readonly isMadeMember: boolean;
  /** What somebody has put on it there. */
  readonly narrowed: 'a row filter' | 'a column list' | null;
  /** The publication leaves kinds of changes out, or sends them by other names. */
  readonly isPartial: boolean;
  /** The table or partition that keeps it out, qualified and quoted; null: it can be published. */
  readonly bad: string | null;
  /** That one is foreign or unlogged. */
  readonly isOutsideWal: boolean;
  readonly badIdentity: string | null;
  /** It has one of its own, which does not hold the key of its root. */
  readonly badHasOwn: boolean;
  readonly badHasPrimaryKey: boolean;
  /** Stored generated columns of it or of its partitions. */
  readonly generated: readonly string[];
}

/** Why a followed table's changes are not, or not all, in the log, and what to type. */
export interface Unpublished { readonly reason: string; readonly cure: string }

/** True where stored generated columns are in the log: our plugin writes them. */
export function sendsGenerated(publication: string | undefined, version: number): boolean {
  return publication === undefined || version >= GENERATED_SINCE;
}

export async function readPublication(client: pg.Client, name: string): Promise<Publication | undefined> {
  const { rows: [{ version }] } = await client.query<{ version: number }>(VERSION);
  const schemas = version < SCHEMAS_SINCE ? 'false' : 'exists (select from pg_catalog.pg_publication_namespace where pnpubid = p.oid)';
  return (await client.query<Publication>(publicationQuery(schemas), [name])).rows[0];
}

/** All tables that the publication of this name, which need not be there, has or could have; with `oid`, that one. */
export async function readPublished(client: pg.Client, name: string, partitions: Partitions, oid?: number): Promise<PublishedTable[]> {
  return (await client.query<PublishedTable>(TABLES, [name, partitions, oid ?? null])).rows;
}

/** Those that the log is to have. */
export function followedOf(published: readonly PublishedTable[], tables: string | undefined): PublishedTable[] {
  return published.filter(({ isTable, schema, table }) => isTable && isFollowed(tables, schema, table));
}

/** What has to be done so that the publication has what is followed and can be published, and nothing else. */
export function stepsOf(published: readonly PublishedTable[], tables: string | undefined): { readonly add: PublishedTable[]; readonly drop: PublishedTable[] } {
  const followed = followedOf(published, tables);
  const wanted = new Set(followed.filter(({ bad }) => bad === null));
  return { add: [...wanted].filter(({ member }) => member === null), drop: published.filter((table) => table.member !== null && !wanted.has(table)) };
}

/** Why the table cannot be published; undefined where it can. */
export function unpublishable({ name, bad, isOutsideWal, badIdentity, badHasOwn, badHasPrimaryKey }: PublishedTable): Unpublished | undefined {
  if (bad === null) return undefined;
  const which = bad === name ? '' : ` its partition ${bad}`;
  if (isOutsideWal) return { reason: `${which.trim() || 'it'} is foreign or unlogged, so its changes are not in the WAL`, cure: '' };
  if (badHasOwn) return { reason: `${which.trim()} has a replica identity that does not hold the key of ${name}`, cure: `deltastream --partitions leaf; or ALTER TABLE ${bad} REPLICA IDENTITY FULL;` };
  const cure = badIdentity !== 'd' && badHasPrimaryKey ? `ALTER TABLE ${bad} REPLICA IDENTITY DEFAULT;` : `ALTER TABLE ${bad} ADD PRIMARY KEY (…); or ALTER TABLE ${bad} REPLICA IDENTITY FULL;`;
  return { reason: `${which.trim() || 'it'} has no replica identity, so pgoutput cannot send its updates and deletes`, cure };
}

/** Why what is followed is not all in the log; undefined where it is. */
export function unpublished(table: PublishedTable, publication: string): Unpublished | undefined {
  const { name, member, narrowed, isPartial, owner } = table;
  const quoted = quoteName(publication);
  const kept = unpublishable(table);
  if (kept !== undefined) return kept;
  if (member === null) return { reason: `it is not in the publication ${publication}`, cure: `as role "${owner}": ${addSql(publication, table)}` };
  if (narrowed !== null) return { reason: `the publication ${publication} has ${narrowed} for it`, cure: `ALTER PUBLICATION ${quoted} DROP TABLE ${only(name)}; and deltastream adds it again` };
  if (isPartial) return { reason: `the publication ${publication} does not send all kinds of changes`, cure: `deltastream doctor --slot ${publication}` };
  return undefined;
}

/** For whoever types it: writers are kept out for the moment (publication-change.ts). */
export function addSql(publication: string, { name, isPartitioned }: PublishedTable): string {
  return `BEGIN; LOCK TABLE ${isPartitioned ? name : only(name)} IN SHARE ROW EXCLUSIVE MODE; ALTER PUBLICATION ${quoteName(publication)} ADD TABLE ${only(name)}; COMMIT;`;
}

/** Not with what inherits from it, which are tables of their own. */
export function only(name: string): string {
  return `ONLY ${name}`;
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export const VERSION = "select current_setting('server_version_num')::int as version";

const publicationQuery = (schemas: string) => `
  select p.oid::int8::float8 as oid, p.pubname::text as name, pg_get_userbyid(p.pubowner)::text as owner, pg_has_role(p.pubowner, 'USAGE') as "mayAlter",
         p.puballtables or ${schemas} as "isOpen", p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate as "publishesAll",
         p.pubviaroot as "viaRoot", coalesce(to_jsonb(p) ->> 'pubgencols', 's') = 's' as generated,
         obj_description(p.oid, 'pg_publication') as comment, p.xmin::text as writer
    from pg_catalog.pg_publication p where p.pubname = $1`;

/** The server's own rule: RelationGetReplicaIndex. */
const IDENTITY = `i.indrelid = c.oid and ${USABLE} and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident else false end`;
const HAS_OWN = `exists (select from pg_catalog.pg_index i where ${IDENTITY})`;
const ROOT_KEY = `i.indrelid = r.oid and ${USABLE} and case r.relreplident when 'i' then i.indisreplident else i.indisprimary end`;

/** SQL: whether the table or partition `c`, whose rows go by the name of `r`, keeps that one out. */
export const IS_BAD = `(c.relkind = 'f' or c.relpersistence <> 'p' or not (c.relreplident = 'f' or case c.oid when r.oid then ${HAS_OWN}
  else coalesce(${keyOf(IDENTITY)} @> ${keyOf(ROOT_KEY)}, false) end))`;

/**
 * The row of `tableoid` is written with the table, and never again. The event trigger writes the
 * member's in a subtransaction, so by a later xid, and by a later command; one by hand is the first of its transaction.
 */
const FIRST_ROW = -6;

/** Takes no lock on what it reads about. */
const TABLES = `
  with recursive tree (root, oid) as (
    select oid, oid from pg_catalog.pg_class where relkind in ('r', 'p') and oid >= 16384 and ($3::oid is null or oid = $3)
    union all
    select tree.root, c.oid from tree join pg_catalog.pg_inherits h on h.inhparent = tree.oid join pg_catalog.pg_class c on c.oid = h.inhrelid where c.relispartition),
  bad as (
    select distinct on (tree.root) tree.root, format('%I.%I', ${readable('n.nspname')}, ${readable('c.relname')}) as name, c.relkind = 'f' or c.relpersistence <> 'p' as outside, c.relreplident as identity,
           ${HAS_OWN} as own, exists (select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisprimary and ${USABLE}) as primary
      from tree join pg_catalog.pg_class c on c.oid = tree.oid join pg_catalog.pg_namespace n on n.oid = c.relnamespace join pg_catalog.pg_class r on r.oid = tree.root
     where c.relkind <> 'p' and ${IS_BAD}
     order by tree.root, outside desc, name),
  made as (
    select tree.root, array_agg(distinct a.attname::text) as names from tree join pg_catalog.pg_attribute a on a.attrelid = tree.oid
     where a.attgenerated = 's' and a.attnum > 0 and not a.attisdropped group by tree.root)
  select c.oid::int8::float8 as oid, ${readable('n.nspname')} as schema, ${readable('c.relname')} as table, format('%I.%I', ${readable('n.nspname')}, ${readable('c.relname')}) as name,
         c.relkind = 'p' as "isPartitioned", pg_get_userbyid(c.relowner)::text as owner, pg_has_role(c.relowner, 'USAGE') as "isOwner",
         case $2 when 'root' then not c.relispartition else c.relkind = 'r' end and (c.relkind = 'p' or c.relpersistence = 'p')
           and n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and not (${HAS_FOREIGN_NAME}) as "isTable",
         m.oid || ' ' || m.xmin as member,
         coalesce((select age(m.xmin) < age(a.xmin) and m.cmin::text::int8 > a.cmin::text::int8 from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum = ${FIRST_ROW}), false) as "isMadeMember",
         case when to_jsonb(m) ->> 'prqual' is not null then 'a row filter' when to_jsonb(m) ->> 'prattrs' is not null then 'a column list' end as narrowed,
         coalesce(not (p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate and p.pubviaroot = ($2 = 'root') and coalesce(to_jsonb(p) ->> 'pubgencols', 's') = 's'), false) as "isPartial",
         bad.name as bad, coalesce(bad.outside, false) as "isOutsideWal", bad.identity as "badIdentity", coalesce(bad.own, false) as "badHasOwn", coalesce(bad.primary, false) as "badHasPrimaryKey",
         coalesce(made.names, '{}') as generated
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_publication p on p.pubname = $1
    left join pg_catalog.pg_publication_rel m on m.prpubid = p.oid and m.prrelid = c.oid
    left join bad on bad.root = c.oid left join made on made.root = c.oid
   where c.relkind in ('r', 'p') and c.oid >= 16384 and c.relpersistence <> 't' and ($3::oid is null or c.oid = $3)
   order by 2, 3`;
