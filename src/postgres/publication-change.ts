/**
 * Making, changing and dropping the publication of a slot. What joins it while the slot is read is
 * locked against writers for that moment, so no transaction wrote the table before and commits
 * behind it: none of its rows are left out, and no decoder keeps in mind that they were not sent.
 */
import type pg from 'pg';
import type { Following, Partitions } from '../daystream/following.js';
import { parsePatterns } from '../daystream/pattern.js';
import { DeltaError } from '../errors.js';
import { placeOf } from './connection.js';
import { CONTROL_PREFIX } from './control.js';
import { codeOf, translate } from './failure.js';
import { GENERATED_SINCE, only, quoteName, readPublication, readPublished, stepsOf, unpublishable, VERSION, type Publication, type PublishedTable } from './publication.js';

/** A lock request that waits makes others wait behind it, so it never waits long. */
const LOCK_TIMEOUT_MS = 200;
/** Of somebody who waits at a terminal. */
const PREPARE_TIMEOUT_MS = 10_000;
const LOCK_TIMED_OUT = '55P03';
const DEADLOCK = '40P01';
const NO_RIGHT = '42501';

/** What begins the comment of a publication that is ours; the rest tells the event triggers what is followed. */
export const COMMENT_START = 'made by deltastream ';

export interface Making extends Following { readonly name: string }

/** One of somebody else is not changed, though it bears the slot's name: who reads it counts on what it has. */
export function isOurs({ comment }: Publication): boolean {
  return comment?.startsWith(COMMENT_START) === true;
}

export const FOREIGN = 'is there, and deltastream did not make it';

export function foreignCure(making: Making): string {
  return `choose another --slot; or, if nobody needs it: DROP PUBLICATION ${quoteName(making.name)}; or, to have it kept in step: ${commentSql(making).trim()}`;
}

/** What every publication of ours is set to. */
export function settingsOf(partitions: Partitions, version: number): string {
  const generated = version >= GENERATED_SINCE ? ', publish_generated_columns = stored' : '';
  return `publish = 'insert, update, delete, truncate', publish_via_partition_root = ${partitions === 'root'}${generated}`;
}

/** The patterns as pairs of schema and table, null for a star: what SQL can match without their grammar. */
export function commentOf({ tables, partitions }: Following): string {
  const patterns = tables === undefined ? null : parsePatterns(tables).map(({ schema, table }) => [schema ?? null, table ?? null]);
  return `${COMMENT_START}${JSON.stringify({ partitions, tables: patterns })}`;
}

/** What makes the publication of these tables. One script, for whoever may. */
export function makeSql(making: Making, tables: readonly PublishedTable[], version: number): string {
  const list = tables.map(({ name }) => only(name)).join(', ');
  return `CREATE PUBLICATION ${quoteName(making.name)}${list === '' ? '' : ` FOR TABLE ${list}`} WITH (${settingsOf(making.partitions, version)});
${commentSql(making)}`;
}

export function commentSql(making: Making): string {
  return `COMMENT ON PUBLICATION ${quoteName(making.name)} IS '${commentOf(making).replaceAll("'", "''")}';\n`;
}

/**
 * What brings the publication into step at once, or makes it: the SQL, empty where nothing is to
 * do; `all`: with others' tables and publications too. With a slot it keeps writers out, and says what has to be copied.
 */
export async function preparation(client: pg.Client, making: Making, hasSlot: boolean, all = false): Promise<string> {
  const { rows: [{ version }] } = await client.query<{ version: number }>(VERSION);
  const publication = await readPublication(client, making.name);
  const { add, drop } = stepsOf(await readPublished(client, making.name, making.partitions), making.tables);
  const mine = add.filter(({ isOwner }) => all || isOwner);
  if (publication === undefined) return makeSql(making, mine, version);
  if (!isOurs(publication)) throw new DeltaError('config', `publication "${making.name}": ${FOREIGN}`, { hint: foreignCure(making) });
  if (publication.isOpen || !publication.mayAlter && !all) return '';
  const name = quoteName(making.name);
  const isRight = publication.publishesAll && publication.viaRoot === (making.partitions === 'root') && publication.generated;
  return [
    isRight ? '' : `ALTER PUBLICATION ${name} SET (${settingsOf(making.partitions, version)});\n`,
    drop.length === 0 ? '' : `ALTER PUBLICATION ${name} DROP TABLE ${drop.map((table) => only(table.name)).join(', ')};\n`,
    !hasSlot || mine.length === 0 ? '' : `LOCK TABLE ${mine.map(lockable).join(', ')} IN SHARE ROW EXCLUSIVE MODE;\n`,
    mine.length === 0 ? '' : `ALTER PUBLICATION ${name} ADD TABLE ${mine.map((table) => only(table.name)).join(', ')};\n`,
    publication.comment === commentOf(making) ? '' : commentSql(making),
    !hasSlot || mine.length + drop.length === 0 ? '' : `SELECT pg_logical_emit_message(true, '${CONTROL_PREFIX}', 'stale ${[...mine, ...drop].map(({ oid }) => oid).join(' ')}');\n`,
  ].join('');
}

/** Throws DeltaError where the role may not. True where something was done. */
export async function preparePublication(client: pg.Client, making: Making, hasSlot: boolean): Promise<boolean> {
  try {
    const sql = await preparation(client, making, hasSlot);
    if (sql !== '') await client.query(`BEGIN; SET LOCAL lock_timeout = ${PREPARE_TIMEOUT_MS}; ${sql} COMMIT`);
    return sql !== '';
  } catch (cause) {
    await client.query('ROLLBACK').catch(() => {}); // what was thrown says more
    throw translate(cause, `publication "${making.name}"`);
  }
}

/** What a change made of a table: it is done, somebody writes the table now, or the role may not. */
export type Changed = 'done' | 'later' | 'refused';

/** Puts a table into the publication, and says in the same transaction that its rows have to be copied. `later` too where it is another table by now. */
export function addTable(client: pg.Client, making: Making, table: PublishedTable): Promise<Changed> {
  return attempt(client, async () => {
    // Of a partitioned table with all its partitions.
    await client.query(`LOCK TABLE ${lockable(table)} IN SHARE ROW EXCLUSIVE MODE`);
    const [now] = await readPublished(client, making.name, making.partitions, table.oid);
    if (now === undefined || now.name !== table.name || now.member !== null || unpublishable(now) !== undefined) return false;
    await client.query(`ALTER PUBLICATION ${quoteName(making.name)} ADD TABLE ${only(table.name)}`);
    await tellStale(client, [table.oid]);
    return true;
  });
}

/** Takes tables out; `stale`: those of which the log then says nothing, though they are followed. */
export function dropTables(client: pg.Client, making: Making, tables: readonly PublishedTable[], stale: readonly number[]): Promise<Changed> {
  return attempt(client, async () => {
    await client.query(`ALTER PUBLICATION ${quoteName(making.name)} DROP TABLE ${tables.map(({ name }) => only(name)).join(', ')}`);
    await tellStale(client, stale);
    return true;
  });
}

/**
 * Sets what it publishes, and by which names, and says what is followed; `stale`: tables of which
 * changes may have been left out until now. `wrote` is given the publication's new writer.
 */
export function setPublication(client: pg.Client, making: Making, version: number, stale: readonly number[], wrote: (writer: string | undefined) => void = () => {}): Promise<Changed> {
  return attempt(client, async () => {
    await client.query(`ALTER PUBLICATION ${quoteName(making.name)} SET (${settingsOf(making.partitions, version)})`);
    await client.query(commentSql(making));
    await tellStale(client, stale);
    wrote((await readPublication(client, making.name))?.writer);
    return true;
  });
}

/** Says what is followed from here on. */
export function setComment(client: pg.Client, making: Making): Promise<Changed> {
  return attempt(client, async () => {
    await client.query(commentSql(making));
    return true;
  });
}

async function attempt(client: pg.Client, act: () => Promise<boolean>): Promise<Changed> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  try {
    const done = await act();
    await client.query(done ? 'COMMIT' : 'ROLLBACK');
    return done ? 'done' : 'later';
  } catch (error) {
    await client.query('ROLLBACK');
    const code = codeOf(error);
    if (code === NO_RIGHT) return 'refused';
    // Somebody writes the table, or it is gone or changed meanwhile: the next look sees it as it is then.
    if (code === LOCK_TIMED_OUT || code === DEADLOCK || code.startsWith('42')) return 'later';
    throw translate(error, placeOf(client));
  }
}

async function tellStale(client: pg.Client, oids: readonly number[]): Promise<void> {
  if (oids.length > 0) await client.query('SELECT pg_logical_emit_message(true, $1, $2)', [CONTROL_PREFIX, ['stale', ...oids].join(' ')]);
}

/** Inheritance is not followed, partitions are: ONLY would leave them unlocked. */
function lockable({ name, isPartitioned }: PublishedTable): string {
  return isPartitioned ? name : only(name);
}

export function dropSql(name: string): string {
  return `DROP PUBLICATION IF EXISTS ${quoteName(name)};\n`;
}
