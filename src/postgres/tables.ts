/**
 * Tables that are asked for and are not there, and tables whose updates and deletes carry no
 * old key, so that they cannot be mirrored. What a key is, is the server's own rule:
 * RelationGetIndexList; and REPLICA IDENTITY FULL needs none.
 */
import type pg from 'pg';
import { warning, type Finding } from './finding.js';
import { isExact, matches, parsePatterns, type Pattern } from '../daystream/pattern.js';

/** More are counted, not named. */
const NAMED_LIMIT = 10;

interface Table {
  /** As rows have them in the log: the root's, for a partition. */
  readonly schema: string;
  readonly table: string;
  /** Qualified and quoted, of the table itself: a partition has its own identity. */
  readonly name: string;
  readonly identity: string;
  /** There is a primary key that DEFAULT would use. */
  readonly hasPrimaryKey: boolean;
  readonly hasIdentity: boolean;
}

/** `text`: patterns (pattern.ts); undefined: every table. Throws DeltaError `usage` where they are malformed. */
export async function tableFindings(client: pg.Client, text: string | undefined): Promise<Finding[]> {
  const patterns = text === undefined ? undefined : parsePatterns(text);
  const { rows } = await client.query<Table>(QUERY);
  const followed = patterns === undefined ? rows : rows.filter(({ schema, table }) => patterns.some((pattern) => matches(pattern, schema, table)));
  return [...absent(patterns ?? [], rows), ...keyless(followed)];
}

function absent(patterns: readonly Pattern[], tables: readonly Table[]): Finding[] {
  return patterns
    .filter((pattern) => !tables.some(({ schema, table }) => matches(pattern, schema, table)))
    .map((pattern) => isExact(pattern)
      ? warning('config', `table ${pattern.text}: does not exist; it is followed from when it does`, 'check the name: psql -c \'\\dt *.*\'')
      : warning('config', `tables ${pattern.text}: there is none; they are followed from when they exist`, 'check the name: psql -c \'\\dn\''));
}

function keyless(tables: readonly Table[]): Finding[] {
  const without = tables.filter(({ hasIdentity }) => !hasIdentity);
  const findings = without.slice(0, NAMED_LIMIT).map((table) =>
    warning('config', `table ${table.name}: its updates and deletes carry no key; the first one quarantines it`, cure(table)));
  if (without.length > NAMED_LIMIT) {
    findings.push(warning('config', `${without.length - NAMED_LIMIT} more tables: their updates and deletes carry no key`, 'cure them as the ones above, or choose tables with --tables'));
  }
  return findings;
}

function cure({ name, identity, hasPrimaryKey }: Table): string {
  if (identity !== 'd' && hasPrimaryKey) return `ALTER TABLE ${name} REPLICA IDENTITY DEFAULT;`;
  return `ALTER TABLE ${name} ADD PRIMARY KEY (…); or ALTER TABLE ${name} REPLICA IDENTITY FULL;`;
}

const QUERY = `
  select rn.nspname as schema, r.relname as "table", format('%I.%I', n.nspname, c.relname) as name,
         c.relreplident as identity, k.primary as "hasPrimaryKey",
         case c.relreplident when 'f' then true when 'd' then k.primary when 'i' then k.chosen else false end as "hasIdentity"
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_class r on r.oid = coalesce(case when c.relispartition then pg_partition_root(c.oid)::oid end, c.oid)
    join pg_catalog.pg_namespace rn on rn.oid = r.relnamespace
   cross join lateral (
           select coalesce(bool_or(i.indisprimary), false) as primary, coalesce(bool_or(i.indisreplident), false) as chosen
             from pg_catalog.pg_index i
            where i.indrelid = c.oid and i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null) k
   where c.relkind = 'r' and c.relpersistence = 'p'
     and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
   order by 1, 2, 3`;
