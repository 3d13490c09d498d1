/**
 * A cache: one SQLite file of ours. What kind of file it is stands in its header, so
 * a foreign file is refused before SQLite has touched it or laid anything beside it.
 */
import Database from 'better-sqlite3';
import { DeltaError, reasonOf } from '../errors.js';
import { readKind } from './header.js';

export type Cache = Database.Database;
export type Statement = Database.Statement<unknown[], unknown>;

/** How long a statement waits for another process's lock. */
export const BUSY_TIMEOUT_MS = 10_000;

/** Opens an existing cache to write: WAL, so readers are never blocked; one fsync per checkpoint. Throws DeltaError cache. */
export function openCache(path: string): Cache {
  const cache = openExisting(path, false);
  return guarded(path, () => {
    cache.pragma('journal_mode = WAL');
    cache.pragma('synchronous = NORMAL');
    // An application's foreign key onto a mirrored table must neither refuse the log's changes nor cascade where a table is made anew.
    cache.pragma('foreign_keys = OFF');
    return cache;
  });
}

/** Opens an existing cache to read. Throws DeltaError cache. */
export function openReader(path: string): Cache {
  return openExisting(path, true);
}

function openExisting(path: string, readonly: boolean): Cache {
  requireCache(path);
  return guarded(path, () => {
    const cache = new Database(path, { fileMustExist: true, readonly, timeout: BUSY_TIMEOUT_MS });
    try {
      cache.prepare('SELECT count(*) FROM sqlite_schema').get(); // a damaged or locked file shows itself here
      return cache;
    } catch (error) {
      cache.close();
      throw error;
    }
  });
}

/** Throws DeltaError cache unless the file at `path` is a cache of this version. */
export function requireCache(path: string): void {
  const kind = readKind(path);
  switch (kind) {
    case 'cache': return;
    case 'missing': throw new DeltaError('cache', `${path}: there is no cache`, { hint: `make it: deltaimport --tables … --source … ${path}` });
    case 'older': throw new DeltaError('cache', `${path}: made by an older version of deltamirror`, { hint: `make it anew: deltaimport --tables … --source … ${path}` });
    case 'newer': throw new DeltaError('cache', `${path}: made by a newer version of deltamirror`, { hint: 'use that version, or import again into another file' });
    case 'not-sqlite': throw new DeltaError('cache', `${path}: not a SQLite file`, { hint: 'name another file; this one is left as it is' });
    case 'not-ours': throw new DeltaError('cache', `${path}: a SQLite file, but not one that deltaimport made`, { hint: 'name another file; this one is left as it is' });
  }
}

/** Runs `work` and turns SQLite's errors into DeltaErrors that begin with the file. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw cacheError(path, error);
  }
}

/** Reads one of the cache's own tables; what does not read as it was written is a DeltaError cache. */
export function readOwn<T>(cache: Cache, table: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const known = cacheError(cache.name, error);
    if (known !== error) throw known;
    throw new DeltaError('cache', `${cache.name}: ${table} does not read as it was written: ${reasonOf(error)}`, { cause: error, hint: `make the cache anew: deltaimport --tables … --source … ${cache.name}` });
  }
}

/** A DeltaError for an error of SQLite; anything else as it came. */
export function cacheError(path: string, error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const message = `${path}: ${reasonOf(error)}`;
  const code = error.code.split('_').slice(0, 2).join('_');
  switch (code) {
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED': return new DeltaError('busy', message, { cause: error, hint: `another process writes it; find it with: fuser ${path}` });
    case 'SQLITE_FULL': return new DeltaError('io', message, { cause: error, hint: 'make room on that disk and start again' });
    case 'SQLITE_IOERR':
    case 'SQLITE_CANTOPEN':
    case 'SQLITE_READONLY': return new DeltaError('io', message, { cause: error, hint: 'check the disk and the permissions of the file and its folder' });
    case 'SQLITE_CORRUPT':
    case 'SQLITE_NOTADB': return new DeltaError('cache', message, { cause: error, hint: `the file is damaged; make it anew: deltaimport --tables … --source … ${path}` });
    // Our statements fit the cache that deltaimport made: where one does not prepare, somebody has changed it.
    case 'SQLITE_ERROR': return new DeltaError('cache', message, { cause: error, hint: `its tables were changed by somebody; make it anew: deltaimport --tables … --source … ${path}` });
    default: return error;
  }
}
