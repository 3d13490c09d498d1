/**
 * The file `index` in a log's folder (docs/format.md §7): the names of its files, for readers
 * that cannot list a folder. Whoever changes the set of files writes it anew. It grants nothing:
 * a name that is missing is found missing by the chain, one that is too many by the server.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DeltaError } from '../errors.js';
import { isLogFile } from './file-names.js';
import { isSegmentName } from './segment.js';

export const INDEX_NAME = 'index';
const FIRST_LINE = 'daystream-index 1';
/** What an index is called until it is whole: each writer its own, since two may write at once, and in two containers under one pid. */
const TEMPORARY = /^index\.[0-9a-f]+\.new$/;
const TEMPORARY_BYTES = 8;
/** To write one takes milliseconds. */
const LEFT_MS = 60_000;
/** A log of a thousand years of days and epochs. */
const INDEX_BYTES = 64 << 20;

export interface IndexEntry {
  readonly name: string;
  /** Undefined for the newest segment, which grows. */
  readonly bytes: number | undefined;
}

/** Writes the index of a folder, whole or not at all. Throws what the file system throws. */
export function writeIndex(folder: string): void {
  const temporary = join(folder, `${INDEX_NAME}.${randomBytes(TEMPORARY_BYTES).toString('hex')}.new`);
  for (let text = indexText(folder), written; text !== written;) {
    const file = openSync(temporary, 'w');
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, join(folder, INDEX_NAME));
    // Somebody else may have changed the set after it was looked at, and have written the index before us.
    written = text;
    text = indexText(folder);
  }
}

/** Removes what a dead process left half written. */
export function sweepIndexes(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!TEMPORARY.test(name)) continue;
    const changedMs = statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs;
    // A younger one may be another process's, which is about to give it its name.
    if (changedMs !== undefined && Date.now() - changedMs > LEFT_MS) rmSync(join(folder, name), { force: true });
  }
}

/** The text of the index of a folder, as it is now. */
export function indexText(folder: string): string {
  const names = readdirSync(folder).filter(isLogFile).sort();
  const newest = names.filter(isSegmentName).at(-1);
  const lines = names.flatMap((name) => {
    const bytes = name === newest ? '-' : statSync(join(folder, name), { throwIfNoEntry: false })?.size;
    return bytes === undefined ? [] : [`${name}\t${bytes}\n`];
  });
  return `${FIRST_LINE}\n${lines.join('')}`;
}

/** The files that an index names. Throws DeltaError log-damaged where the text is none of an index, or only half of one. */
export function parseIndex(place: string, text: string): IndexEntry[] {
  const [first, ...lines] = text.split('\n');
  if (first !== FIRST_LINE || lines.pop() !== '' || text.length > INDEX_BYTES) throw unreadable(place, first);
  return lines.map((line) => {
    const match = /^([^\t]+)\t(-|\d{1,15})$/.exec(line);
    if (match === null) throw unreadable(place, line);
    return { name: match[1], bytes: match[2] === '-' ? undefined : Number(match[2]) };
  }).filter(({ name }) => isLogFile(name));
}

function unreadable(place: string, line: string): DeltaError {
  return new DeltaError('log-damaged', `${place}/${INDEX_NAME}: is not the index of a daystream: ${JSON.stringify(line.slice(0, 80))}`, { hint: 'give the URL of the folder that deltastream --out writes' });
}
