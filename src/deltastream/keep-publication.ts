/**
 * The watch's part for a slot of pgoutput: the publication has what is followed and can be
 * published. What joins it is copied; what has to leave it is said to be stale, and its copy is
 * refused (reload-refusal.ts), so that no reader takes its rows for those of Postgres.
 */
import type pg from 'pg';
import { tellControls } from '../postgres/control.js';
import { addTable, commentOf, dropTables, setComment, setPublication, settingsOf, type Making } from '../postgres/publication-change.js';
import { addSql, followedOf, only, quoteName, readPublication, readPublished, stepsOf, unpublishable, unpublished, VERSION, type Publication, type PublishedTable } from '../postgres/publication.js';

/** What was known at the last look. */
export interface PublicationState {
  /** Undefined where it was gone: what was committed then is not in the log. */
  readonly oid: number | undefined;
  /** Who wrote what it is set to: another one than the last of ours may have left changes out in between. */
  readonly writer?: string | undefined;
  /** By oid of the table, its row in the publication: another one means that it was out in between. */
  readonly members: Readonly<Record<string, string>>;
  /** Followed, and not all in the log. */
  readonly unpublished: readonly number[];
}

export interface Kept {
  readonly state: PublicationState;
  /** Of these all is told that their readers need. */
  readonly handled: ReadonlySet<number>;
  /** They will join: until then nothing is said of them. */
  readonly joining: ReadonlySet<number>;
}

/** `areTold`: event triggers told what came in and went out without us. Undefined where nothing can be done. */
export async function keepPublication(client: pg.Client, making: Making, before: PublicationState | undefined, areTold: boolean, tell: (text: string) => void): Promise<Kept | undefined> {
  const publication = await readPublication(client, making.name);
  if (publication === undefined || publication.isOpen) {
    tell(`publication "${making.name}": ${publication === undefined ? 'is gone, and with it what is committed from now on' : 'is for all tables now, or for those of a schema'} — deltastream doctor --slot ${making.name}`);
    return before !== undefined && publication?.oid !== before.oid ? giveUp(client, before) : undefined;
  }
  const published = await readPublished(client, making.name, making.partitions);
  const writer = await set(client, making, publication, published, tell) ?? publication.writer;
  const { add, drop } = stepsOf(published, making.tables);
  const dropped = await dropAll(client, making, drop, tell);
  const added = await addAll(client, making, add, publication, tell);
  const now = await readPublished(client, making.name, making.partitions);
  const kept = { ...stateOf(publication, now, making, added.waiting), writer };
  const isSame = before?.oid === publication.oid;
  // What we set it to, its tables were said to be stale for.
  const hasGap = writer === publication.writer && (!isSame || before.writer !== undefined && before.writer !== writer);
  await tellNews(client, now, before, kept, new Set([...added.joined, ...dropped]), areTold && isSame, hasGap);
  return { state: kept, handled: new Set([...added.joined, ...added.waiting, ...kept.unpublished]), joining: new Set(added.waiting) };
}

/** As it is, before the first look. What is not in it the look is to tell: nobody was told yet. */
export async function readPublicationState(client: pg.Client, making: Making): Promise<PublicationState | undefined> {
  const publication = await readPublication(client, making.name);
  if (publication === undefined || publication.isOpen) return undefined;
  const state = stateOf(publication, await readPublished(client, making.name, making.partitions), making, []);
  return { ...state, writer: publication.writer, unpublished: [] };
}

/** It is gone, or another one: from PostgreSQL 18 on the server goes on without a word. The copies of all its tables are refused until there is one. */
async function giveUp(client: pg.Client, before: PublicationState): Promise<Kept> {
  const oids = Object.keys(before.members).map(Number);
  await tellControls(client, [{ word: 'stale', oids }]);
  return { state: { oid: undefined, members: {}, unpublished: [...before.unpublished, ...oids] }, handled: new Set(oids), joining: new Set() };
}

/** What it publishes, and what its comment says of it. Gives the writer that it has by that; undefined: the one before. */
async function set(client: pg.Client, making: Making, publication: Publication, published: readonly PublishedTable[], tell: (text: string) => void): Promise<string | undefined> {
  const isRight = publication.publishesAll && publication.generated && publication.viaRoot === (making.partitions === 'root');
  if (isRight && publication.comment === commentOf(making)) return undefined;
  if (isRight) {
    await setComment(client, making);
    return undefined;
  }
  const { rows: [{ version }] } = await client.query<{ version: number }>(VERSION);
  const members = followedOf(published, making.tables).filter(({ member }) => member !== null).map(({ oid }) => oid);
  let writer: string | undefined;
  const done = await setPublication(client, making, version, members, (wrote) => { writer = wrote; });
  if (done === 'done') tell(`publication "${making.name}": did not send all kinds of changes; it does again, and all tables are copied`);
  if (done === 'refused') tell(`publication "${making.name}": does not send all kinds of changes any more — as role "${publication.owner}": ALTER PUBLICATION ${quoteName(making.name)} SET (${settingsOf(making.partitions, version)});`);
  return done === 'done' ? writer : undefined;
}

/** Gives those that are out. One by one: a table that is locked does not keep the others in. */
async function dropAll(client: pg.Client, making: Making, tables: readonly PublishedTable[], tell: (text: string) => void): Promise<number[]> {
  const followed = new Set(followedOf(tables, making.tables));
  const out: number[] = [];
  for (const table of tables) {
    const problem = followed.has(table) ? unpublishable(table) : undefined;
    const done = await dropTables(client, making, [table], problem === undefined ? [] : [table.oid]);
    if (done === 'done') out.push(table.oid);
    if (done === 'done' && problem !== undefined) tell(`table ${table.name}: is no longer in the log: ${problem.reason} — ${problem.cure}`);
    if (done === 'refused') tell(`table ${table.name}: should not be in the publication "${making.name}"${problem === undefined ? '' : `, where its updates fail: ${problem.reason}`} — ALTER PUBLICATION ${quoteName(making.name)} DROP TABLE ${only(table.name)};`);
  }
  return out;
}

async function addAll(client: pg.Client, making: Making, tables: readonly PublishedTable[], { owner, mayAlter }: Publication, tell: (text: string) => void): Promise<{ joined: number[]; waiting: number[] }> {
  const joined: number[] = [];
  const waiting: number[] = [];
  for (const table of tables) {
    const done = mayAlter && table.isOwner ? await addTable(client, making, table) : 'refused';
    if (done === 'done') joined.push(table.oid);
    if (done === 'done') tell(`table ${table.name}: has joined the publication "${making.name}", and is copied`);
    if (done === 'later') waiting.push(table.oid);
    if (done === 'later') tell(`table ${table.name}: joins the publication "${making.name}" when no transaction writes it`);
    if (done === 'refused') tell(`table ${table.name}: is not in the log: role "${client.user}" may not add it to the publication "${making.name}" — as role "${mayAlter ? table.owner : owner}": ${addSql(making.name, table)}`);
  }
  return { joined, waiting };
}

function stateOf({ oid: publication }: Publication, now: readonly PublishedTable[], making: Making, waiting: readonly number[]): PublicationState {
  const members = Object.fromEntries(now.flatMap(({ oid, member }) => (member === null ? [] : [[oid, member] as const])));
  const out = followedOf(now, making.tables).filter((table) => unpublished(table, making.name) !== undefined && !waiting.includes(table.oid));
  return { oid: publication, members, unpublished: out.map(({ oid }) => oid) };
}

/**
 * What somebody else did, and what is found to be out for the first time. The event triggers are
 * believed of tables that are new alone: they can be switched off, and a copy too many does no harm.
 */
async function tellNews(client: pg.Client, now: readonly PublishedTable[], before: PublicationState | undefined, kept: PublicationState, ours: ReadonlySet<number>, areTold: boolean, hasGap: boolean): Promise<void> {
  const out = new Set(kept.unpublished);
  const known = new Set(before?.unpublished);
  const left = (oid: number) => out.has(oid) && !known.has(oid);
  const wasThere = (oid: number) => before?.members[oid] !== undefined || known.has(oid);
  const came = ({ oid, member, isMadeMember }: PublishedTable) => !out.has(oid) && (before?.members[oid] !== member || known.has(oid)) && (wasThere(oid) || !areTold || !isMadeMember);
  const stale = before === undefined ? [] : now.filter((table) => !ours.has(table.oid) && (
    left(table.oid) && before.members[table.oid] !== undefined || table.member !== null && (hasGap || came(table))));
  const offered = now.filter(({ oid }) => left(oid) && before?.members[oid] === undefined && !ours.has(oid));
  const controls = [
    { word: 'stale', oids: stale.map(({ oid }) => oid) } as const,
    { word: 'offer', oids: offered.map(({ oid }) => oid) } as const,
  ];
  if (controls.some(({ oids }) => oids.length > 0)) await tellControls(client, controls);
}
