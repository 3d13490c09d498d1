/** The cache's own tables, all of which begin with `_daystream`. */
import { KEPT_DDL } from './copies.js';
import { APPLICATION_ID, CACHE_VERSION } from './header.js';
import type { Cache } from './open.js';
import { PATTERNS_DDL } from './patterns.js';
import { POSITION_DDL } from './position.js';
import { TABLES_DDL } from './tables.js';

/** Makes a SQLite file a cache of this version. */
export function createOwnTables(cache: Cache): void {
  cache.pragma(`application_id = ${APPLICATION_ID}`);
  cache.pragma(`user_version = ${CACHE_VERSION}`);
  for (const ddl of [POSITION_DDL, TABLES_DDL, PATTERNS_DDL, KEPT_DDL]) cache.exec(ddl);
}
