/** What stands in the way of a slot of pgoutput, and what its log will not have: findings about its publication. */
import type pg from 'pg';
import type { Following } from '../daystream/following.js';
import { reconcileHint } from '../daystream/reconcile-hint.js';
import { isExact, matches, parsePatterns } from '../daystream/pattern.js';
import { errorFinding, warning, type Finding } from './finding.js';
import { followedOf, GENERATED_SINCE, quoteName, readPublication, readPublished, stepsOf, unpublishable, unpublished, VERSION, type Publication, type PublishedTable } from './publication.js';
import { FOREIGN, foreignCure, isOurs, settingsOf } from './publication-change.js';

/** More are counted, not named. */
const NAMED_LIMIT = 10;
/** pgoutput has told of logical messages and of the origin since. */
const PGOUTPUT_SINCE = 140_000;

export interface PublicationRequest extends Following {
  /** The slot's name, and so the publication's; undefined when none is chosen yet. */
  readonly slot: string | undefined;
  readonly hasSlot: boolean;
}

interface Server { readonly version: number; readonly mayCreate: boolean; readonly role: string; readonly database: string }

export async function publicationFindings(client: pg.Client, request: PublicationRequest): Promise<Finding[]> {
  const { rows: [server] } = await client.query<Server>(SERVER);
  if (server.version < PGOUTPUT_SINCE) return [errorFinding('config', 'server: is older than PostgreSQL 14, the first whose pgoutput is followed', 'upgrade Postgres, or install the plugin deltastream')];
  const name = request.slot ?? '';
  const publication = request.slot === undefined ? undefined : await readPublication(client, name);
  const published = await readPublished(client, name, request.partitions);
  return [
    ...(publication === undefined ? absentFindings(request, server) : presentFindings(publication, request, server.version)),
    ...tableFindings(published, publication, request),
    ...generatedFindings(followedOf(published, request.tables), server.version),
  ];
}

function absentFindings({ slot, hasSlot }: PublicationRequest, { mayCreate, role, database }: Server): Finding[] {
  if (hasSlot) {
    // What was written while there was none cannot be decoded; from PostgreSQL 18 on it would be passed over.
    return [errorFinding('slot', `publication "${slot}": does not exist, and slot "${slot}" sends nothing without it`, reconcileHint(slot ?? 'SLOT'))];
  }
  if (mayCreate) return [];
  return [errorFinding('config', `role "${role}": may not make a publication in database "${database}"`, `GRANT CREATE ON DATABASE ${quoteName(database)} TO ${quoteName(role)}; or deltastream setup --slot ${slot ?? 'SLOT'} --plugin pgoutput --print | psql -1 as who may`)];
}

function presentFindings(publication: Publication, { slot, tables, partitions }: PublicationRequest, version: number): Finding[] {
  const quoted = quoteName(publication.name);
  if (publication.isOpen) {
    return [errorFinding('config', `publication "${slot}": is for all tables, or for those of a schema; without a replica identity their updates would fail in the application`, `DROP PUBLICATION ${quoted}; deltastream makes a list of tables in its place`)];
  }
  if (!isOurs(publication)) return [errorFinding('config', `publication "${slot}": ${FOREIGN}`, foreignCure({ name: publication.name, tables, partitions }))];
  const isRight = publication.publishesAll && publication.viaRoot === (partitions === 'root') && publication.generated;
  if (isRight || publication.mayAlter) return []; // brought into step at the first look
  return [errorFinding('config', `publication "${slot}": does not send all kinds of changes, or not by the names that --partitions ${partitions} wants`, `as role "${publication.owner}": ALTER PUBLICATION ${quoted} SET (${settingsOf(partitions, version)});`)];
}

function tableFindings(published: readonly PublishedTable[], publication: Publication | undefined, { slot = 'SLOT', tables }: PublicationRequest): Finding[] {
  const followed = followedOf(published, tables);
  const { add, drop } = stepsOf(published, tables);
  const isNamed = ({ schema, table }: PublishedTable) => tables !== undefined && parsePatterns(tables).some((pattern) => isExact(pattern) && matches(pattern, schema, table));
  const mayAlter = publication?.mayAlter ?? true;
  const stuck = mayAlter ? add.filter(({ isOwner }) => !isOwner) : add;
  return [
    ...followed.filter(({ narrowed }) => narrowed !== null).map((table) => {
      const { reason, cure } = unpublished(table, slot)!;
      return errorFinding('config', `table ${table.name}: ${reason}`, cure);
    }),
    // Before the slot is made, what was asked for by name and cannot be had is worth a stop.
    ...limited(stuck, (table) => {
      const { reason, cure } = unpublished(table, slot)!;
      const what = `table ${table.name}: ${reason}, and this role may not add it: it is not in the log`;
      return publication === undefined && isNamed(table)
        ? errorFinding('config', `table ${table.name}: belongs to role "${table.owner}", who alone may publish it`, `GRANT ${quoteName(table.owner)} TO this role; or deltastream setup --slot ${slot} --plugin pgoutput --print | psql -1 as who may`)
        : warning('config', what, cure);
    }),
    ...limited(followed.filter(({ bad }) => bad !== null), (table) => {
      const { reason, cure } = unpublishable(table)!;
      return warning('config', `table ${table.name}: is not in the log: ${reason}`, cure || 'leave it out of --tables');
    }),
    ...limited(mayAlter ? [] : drop.filter(({ bad }) => bad !== null), (table) =>
      warning('config', `table ${table.name}: has lost its replica identity, and stands in publication "${slot}": its updates fail`, `${unpublishable(table)!.cure} or, as role "${publication?.owner}": ALTER PUBLICATION ${quoteName(slot)} DROP TABLE ${table.name};`)),
  ];
}

function limited(tables: readonly PublishedTable[], found: (table: PublishedTable) => Finding): Finding[] {
  const findings = tables.slice(0, NAMED_LIMIT).map(found);
  if (tables.length > NAMED_LIMIT) findings.push(warning('config', `${tables.length - NAMED_LIMIT} more tables: are not in the log either`, 'cure them as the ones above, or choose tables with --tables'));
  return findings;
}

function generatedFindings(followed: readonly PublishedTable[], version: number): Finding[] {
  const tables = followed.filter(({ generated, bad }) => generated.length > 0 && bad === null);
  if (tables.length === 0 || version >= GENERATED_SINCE) return [];
  const named = tables.slice(0, NAMED_LIMIT).map(({ name, generated }) => `${name} (${generated.join(', ')})`).join(', ');
  const more = tables.length > NAMED_LIMIT ? ` and ${tables.length - NAMED_LIMIT} more` : '';
  return [warning('config', `generated columns: are not in the log of ${named}${more}: pgoutput sends them from PostgreSQL 18 on`, 'compute them in the cache, by a view; or follow with the plugin deltastream')];
}

const SERVER = `${VERSION}, has_database_privilege(current_database(), 'CREATE') as "mayCreate", current_user::text as role, current_database()::text as database`;
