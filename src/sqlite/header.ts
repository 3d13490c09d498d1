/** What kind of file a path holds, read from the first 100 bytes (sqlite.org/fileformat.html §1.3). */
import { closeSync, openSync, readSync } from 'node:fs';
import { DeltaError, reasonOf } from '../errors.js';

/** "delt": marks a cache in SQLite's header. */
export const APPLICATION_ID = 0x64656c74;
/** The version of the cache's own tables, in SQLite's user_version. */
export const CACHE_VERSION = 5;

const HEADER_BYTES = 100;
const MAGIC = Buffer.from('SQLite format 3\0', 'latin1');
const USER_VERSION_OFFSET = 60;
const APPLICATION_ID_OFFSET = 68;

export type Kind = 'missing' | 'not-sqlite' | 'not-ours' | 'older' | 'newer' | 'cache';

export function readKind(path: string): Kind {
  const header = readHeader(path);
  if (header === undefined) return 'missing';
  if (header.length < HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC)) return 'not-sqlite';
  if (header.readInt32BE(APPLICATION_ID_OFFSET) !== APPLICATION_ID) return 'not-ours';
  const version = header.readInt32BE(USER_VERSION_OFFSET);
  return version === CACHE_VERSION ? 'cache' : version < CACHE_VERSION ? 'older' : 'newer';
}

function readHeader(path: string): Buffer | undefined {
  try {
    const file = openSync(path, 'r');
    try {
      const header = Buffer.alloc(HEADER_BYTES);
      return header.subarray(0, readSync(file, header, 0, HEADER_BYTES, 0));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new DeltaError('io', `${path}: ${reasonOf(error)}`, { cause: error, hint: 'name a file that can be read' });
  }
}
