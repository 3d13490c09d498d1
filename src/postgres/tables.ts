/**
 * Tables that are asked for and are not there, or are never in the log, and tables whose updates
 * and deletes carry no old key, so that they cannot be mirrored. What a key is, is the plugin's
 * rule (plugin-c/key.c): the server's own, and for a partition the key of its root, which the
 * partition's identity has to hold. REPLICA IDENTITY FULL needs none.
 */
import type pg from 'pg';
import { warning, type Finding } from './finding.js';
import { PLUGIN, type PluginName } from './slot.js';
import type { Following, Partitions } from '../daystream/following.js';
import { isExact, matches, parsePatterns, type Pattern } from '../daystream/pattern.js';
import { readable } from './names.js';

/** More are counted, not named. */
const NAMED_LIMIT = 10;

interface Table {
  /** As rows have them in the log: under `root` the root's, for a partition. */
  readonly schema: string;
  readonly table: string;
  /** Qualified and quoted, of the table itself: a partition has its own identity. */
  readonly name: string;
  readonly identity: string;
  /** There is a primary key that DEFAULT would use. */
  readonly hasPrimaryKey: boolean;
  readonly hasIdentity: boolean;
  /** Its own identity would do, were there no root. */
  readonly hasOwn: boolean;
  /** Of a partition that goes by its root's name: the root, qualified and quoted. */
  readonly root: string | null;
}

/** A relation that has a name as tables have, and whose rows are never in the log. */
interface Unlogged {
  readonly schema: string;
  readonly table: string;
  readonly reason: string;
  readonly cure: string;
}

/** `tables`: patterns (pattern.ts); undefined: every table. Throws DeltaError `usage` where they are malformed. */
export async function tableFindings(client: pg.Client, { tables, partitions }: Following, plugin: PluginName): Promise<Finding[]> {
  const { rows } = await client.query<Table>(QUERIES[partitions]);
  if (tables === undefined) return keyless(rows, plugin);
  const patterns = parsePatterns(tables);
  const exact = patterns.filter(isExact);
  const names = exact.map(({ schema, table }) => [schema, table]);
  const unlogged = exact.length === 0 ? [] : (await client.query<Unlogged>(UNLOGGED, [JSON.stringify(names), partitions])).rows;
  const followed = rows.filter(({ schema, table }) => patterns.some((pattern) => matches(pattern, schema, table)));
  return [...absent(patterns, followed, unlogged), ...keyless(followed, plugin)];
}

/** Patterns that choose nothing; of what a star passes over nobody asked by name. */
function absent(patterns: readonly Pattern[], followed: readonly Table[], unlogged: readonly Unlogged[]): Finding[] {
  return patterns
    .filter((pattern) => !followed.some(({ schema, table }) => matches(pattern, schema, table)))
    .map((pattern) => {
      const other = unlogged.find(({ schema, table }) => isExact(pattern) && matches(pattern, schema, table));
      if (other !== undefined) return warning('config', `table ${pattern.text}: is never in the log: it ${other.reason}`, other.cure);
      return isExact(pattern)
        ? warning('config', `table ${pattern.text}: does not exist; it is followed from when it does`, 'check the name: psql -c \'\\dt *.*\'')
        : warning('config', `tables ${pattern.text}: there is none; they are followed from when they exist`, 'check the name: psql -c \'\\dn\'');
    });
}

/** Of pgoutput's publication they are kept out: publication-check.ts says so. */
function keyless(tables: readonly Table[], plugin: PluginName): Finding[] {
  const without = tables.filter(({ hasIdentity }) => !hasIdentity && plugin === PLUGIN);
  const findings = without.slice(0, NAMED_LIMIT).map((table) =>
    warning('config', `table ${table.name}: its updates and deletes carry no key${table.root === null ? '' : ` of its root ${table.root}`}; the first one quarantines ${table.root ?? 'it'}`, cure(table)));
  if (without.length > NAMED_LIMIT) {
    findings.push(warning('config', `${without.length - NAMED_LIMIT} more tables: their updates and deletes carry no key`, 'cure them as the ones above, or choose tables with --tables'));
  }
  return findings;
}

function cure({ name, identity, hasPrimaryKey, hasOwn, root }: Table): string {
  if (root !== null) return `${hasOwn ? 'deltastream --partitions leaf; or ' : ''}ALTER TABLE ${name} REPLICA IDENTITY FULL;`;
  if (identity !== 'd' && hasPrimaryKey) return `ALTER TABLE ${name} REPLICA IDENTITY DEFAULT;`;
  return `ALTER TABLE ${name} ADD PRIMARY KEY (…); or ALTER TABLE ${name} REPLICA IDENTITY FULL;`;
}

/** An index can be a key: the server's own rule in RelationGetIndexList. */
export const USABLE = 'i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null';
/** The names of an index's key columns: a partition may number them otherwise than its root. */
const COLUMNS = 'array(select a.attname from pg_catalog.pg_attribute a where a.attrelid = i.indrelid and a.attnum = any (i.indkey[0:i.indnkeyatts - 1]))';

/** Its own identity is enough where the table goes by its own name. */
const query = (root: string, holdsRootKey: string) => `
  select ${readable('rn.nspname')} as schema, ${readable('r.relname')} as "table", ${readable("format('%I.%I', n.nspname, c.relname)")} as name,
         c.relreplident as identity, k.primary as "hasPrimaryKey",
         c.relreplident = 'f' or k.index is not null and ${holdsRootKey} as "hasIdentity",
         k.index is not null as "hasOwn", case when r.oid <> c.oid then ${readable("format('%I.%I', rn.nspname, r.relname)")} end as root
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_class r on r.oid = ${root}
    join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace
   cross join lateral (
           select coalesce(bool_or(i.indisprimary), false) as primary,
                  (array_agg(i.indexrelid) filter (where case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident else false end))[1] as index
             from pg_catalog.pg_index i where i.indrelid = c.oid and ${USABLE}) k
   where c.relkind = 'r' and c.relpersistence = 'p'
     and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
   order by 1, 2, 3`;

export const keyOf = (index: string) => `(select ${COLUMNS} from pg_catalog.pg_index i where ${index})`;

const HOLDS_ROOT_KEY = `(r.oid = c.oid or ${keyOf('i.indexrelid = k.index')} @>
  ${keyOf(`i.indrelid = r.oid and case r.relreplident when 'i' then i.indisreplident else i.indisprimary end and ${USABLE}`)})`;

const QUERIES: Readonly<Record<Partitions, string>> = {
  root: query('coalesce(case when c.relispartition then pg_partition_root(c.oid)::oid end, c.oid)', `coalesce(${HOLDS_ROOT_KEY}, false)`),
  leaf: query('c.oid', 'true'),
};

/** Why a relation that was asked for by its name has no rows in the log. */
const UNLOGGED = `
  select schema, "table", reason, cure
    from (select n.nspname as schema, c.relname as "table",
                 case when c.relkind = 'v' then 'is a view' when c.relkind = 'm' then 'is a materialized view' when c.relkind = 'f' then 'is a foreign table'
                      when c.relkind = 'S' then 'is a sequence' when c.relpersistence = 'u' then 'is unlogged' when c.relpersistence = 't' then 'is temporary'
                      when $2 = 'leaf' and c.relkind = 'p' then 'has no rows of its own: its partitions go by their names'
                      when $2 = 'root' and c.relispartition then 'is a partition: its rows go by the name of ' || ${readable('pg_partition_root(c.oid)::regclass')} end as reason,
                 case when $2 = 'leaf' and c.relkind = 'p' then 'name its partitions, or --partitions root'
                      when $2 = 'root' and c.relispartition then 'name ' || ${readable('pg_partition_root(c.oid)::regclass')} || ', or --partitions leaf'
                      else 'leave it out of --tables' end as cure
            from json_array_elements($1::json) w
            join pg_catalog.pg_namespace n on n.nspname = w->>0
            join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = w->>1) named
   where reason is not null`;
