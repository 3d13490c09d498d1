/** What the log was last told of the catalog: kept in a file of its folder, and compared with what the catalog is now. */
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Following } from '../daystream/following.js';
import { matches, parsePatterns } from '../daystream/pattern.js';
import type { PublicationState } from './keep-publication.js';
import type { TablePrint, TypeItem } from '../postgres/fingerprint.js';
import type { TableMarks } from '../postgres/table-marks.js';

export const CATALOG_FILE = '.catalog.json';

const VERSION = 3;
/** The mark of an attribute that was dropped. */
const DROPPED = 'c0';

/** Copies that have to be made once more, when every transaction that ran at `xid` has ended. */
export interface Again {
  readonly xid: string;
  readonly oids: readonly number[];
  /** Types that changed: a transaction that ran then may have given one to a table of which nobody knew. */
  readonly types: readonly number[];
}

export interface CatalogState {
  readonly version: number;
  readonly tables: string | null;
  /** What the log was said to follow since: what one of them lacks, readers may lack. */
  readonly between: readonly (string | null)[];
  readonly partitions: Following['partitions'];
  readonly digest: string;
  /** Event triggers were in place: what came after was told by them. */
  readonly triggers: boolean;
  /** Of followed tables and partitions: the hash, by oid. */
  readonly prints: Readonly<Record<string, string>>;
  /** Of types: the mark of each item, by oid and item. */
  readonly types: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly again: readonly Again[];
  /** Where the slot's plugin is pgoutput. */
  readonly publication?: PublicationState;
  readonly seen?: SeenMarks;
  /** Of before the log's first line: nothing was told yet. */
  readonly isFirst?: boolean;
}

/** What was seen at a look, by oid. */
export interface SeenMarks {
  /** As the log calls them: what goes has to be named. */
  readonly names: Readonly<Record<string, readonly [schema: string, table: string]>>;
  readonly marks: Readonly<Record<string, Pick<TableMarks, 'filenode' | 'attributes' | 'root' | 'inherits'>>>;
}

/** What differs, as oids of tables and of types. */
export interface Difference {
  readonly looked: readonly number[];
  readonly offered: readonly number[];
  readonly renamedTypes: readonly number[];
  readonly changedTypes: readonly number[];
}

/** Undefined where there is none, or one that is not ours: then all is looked at once. */
export async function readCatalogState(folder: string): Promise<CatalogState | undefined> {
  try {
    const state = JSON.parse(await readFile(join(folder, CATALOG_FILE), 'utf8')) as CatalogState;
    return state.version === VERSION ? state : undefined;
  } catch {
    return undefined;
  }
}

/** Whole or not at all; off the event loop, since the stream must not wait for a disk. */
export async function writeCatalogState(folder: string, state: CatalogState): Promise<void> {
  const path = join(folder, CATALOG_FILE);
  const file = await open(`${path}.new`, 'w');
  try {
    await file.writeFile(JSON.stringify(state));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The state that also knows what is followed from here on; the same where it does. */
export function followedSince(state: CatalogState, following: Following): CatalogState {
  const tables = following.tables ?? null;
  return tables === state.tables || state.between.includes(tables) ? state : { ...state, between: [...state.between, tables] };
}

/** The state that `followed` tables and types make, with nothing to be done again. */
export function stateOf(following: Following, digest: string, triggers: boolean, followed: readonly TablePrint[], items: readonly TypeItem[]): CatalogState {
  const types: Record<string, Record<string, string>> = {};
  for (const { type, item, mark } of items) (types[type] ??= {})[item] = mark;
  const prints = Object.fromEntries(followed.map(({ oid, hash }) => [oid, hash]));
  return { version: VERSION, tables: following.tables ?? null, between: [], partitions: following.partitions, digest, triggers, prints, types, again: [] };
}

/** Those that are followed. */
export function onlyFollowed(prints: readonly TablePrint[], tables: string | null | undefined): TablePrint[] {
  const patterns = tables == null ? undefined : parsePatterns(tables);
  return prints.filter(({ schema, table }) => patterns === undefined || patterns.some((pattern) => matches(pattern, schema, table)));
}

/**
 * A table that was not there before was made since, which the plugin saw; or its pattern is new,
 * and then readers that want it lack its rows.
 */
export function compare(before: CatalogState | undefined, now: CatalogState, followed: readonly TablePrint[], items: readonly TypeItem[]): Difference {
  const all = followed.map(({ oid }) => oid);
  if (before === undefined) return { looked: all, offered: [], renamedTypes: [], changedTypes: [] };
  const oids = new Set([...Object.keys(before.prints), ...Object.keys(now.prints)]);
  const changed = [...oids].filter((oid) => before.prints[oid] !== now.prints[oid]).map(Number);
  const types = Object.keys(now.types).filter((type) => before.types[type] !== undefined);
  const altered = alteredTypes(items).filter((type) => before.types[type] === undefined);
  return {
    looked: before.isFirst === true ? [...new Set([...all, ...changed])] : changed,
    offered: newlyFollowed(before, now, followed),
    renamedTypes: types.filter((type) => before.types[type][0] !== now.types[type][0]).map(Number),
    changedTypes: [...types.filter((type) => hasChanged(before.types[type], now.types[type])).map(Number), ...altered],
  };
}

/** By other patterns, now or since; with other names for partitions, caches import those anew. */
function newlyFollowed(before: CatalogState, now: CatalogState, followed: readonly TablePrint[]): number[] {
  if (before.tables === now.tables && before.between.length === 0) return [];
  const known = new Set(onlyFollowed(followed, before.tables));
  const kept = before.between.map((tables) => new Set(onlyFollowed(followed, tables)));
  const isKnown = (print: TablePrint) => (known.has(print) || print.oid in before.prints) && kept.every((some) => some.has(print));
  return followed.filter((print) => print.own && !isKnown(print)).map(({ oid }) => oid);
}

/** An enum's new value changes no row that is there; a row type's new column does. */
function hasChanged(before: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): boolean {
  return Object.entries(now).some(([item, mark]) => item !== '0' && mark !== before[item] && (before[item] !== undefined || mark.startsWith('c')));
}

/**
 * Those whose values may have had another text since they were made: not all of them is as one command made
 * it. Where there is but one item to tell by, nobody knows.
 */
function alteredTypes(items: readonly TypeItem[]): number[] {
  const versions = new Map<number, string[]>();
  for (const { type, mark, version } of items.filter(({ item }) => item !== 0)) {
    const seen = versions.get(type) ?? [];
    versions.set(type, seen);
    seen.push(mark === DROPPED ? DROPPED : version);
  }
  return [...versions].filter(([, [first, ...others]]) => first === DROPPED || others.length === 0 || others.some((other) => other !== first)).map(([type]) => type);
}

/** Those that are due, now that all transactions below `oldestXid` have ended, and the others. */
export function splitByDue(again: readonly Again[], oldestXid: bigint): [due: Again[], waiting: Again[]] {
  const isDue = ({ xid }: Again) => BigInt(xid) < oldestXid;
  return [again.filter(isDue), again.filter((one) => !isDue(one))];
}
