/**
 * `_daystream_position`: where in which log the cache stands. Its one row moves in the
 * same SQLite transaction as the rows it speaks of (design P4), so the cache always
 * equals Postgres as of the commit it names (P3).
 */
import { formatLsn, parseLsn, type Lsn } from '../daystream/lsn.js';
import type { Position } from '../daystream/position.js';
import { readOwn, type Cache } from './open.js';

/** What moves with every commit. */
export interface Place {
  /** The last line of the last unit applied, and the chain's value behind it. */
  readonly position: Position;
  readonly crc: number;
  /** The end of the last commit record that the cache holds. */
  readonly lsn: Lsn;
  /** When Postgres committed it, in µs since 1970 UTC; 0 when not known. */
  readonly commitTimeUs: number;
  /** The newest that the log says of Postgres's clock, by a commit or a horizon: up to then the cache has all; 0 when not known. */
  readonly sourceTimeUs: number;
  /** Postgres's own timeline, as far as the log has come. */
  readonly timeline: number;
  /** When it was applied here. */
  readonly appliedAtUs: number;
  /** Bytes of the log behind it, as the mirror saw them last, and how many it applies a second while there are any. */
  readonly behindBytes: number;
  readonly bytesPerSecond: number;
}

/** Which log it is, and how the cache joined it. */
export interface Origin {
  readonly system: string;
  readonly slot: string;
  readonly epoch: number;
  /** Folder or URL of the log. */
  readonly source: string;
  /** The import's snapshot as `pg_current_snapshot()` prints it: transactions visible in it are in the copy. Null after a join by LSN. */
  readonly snapshot: string | null;
  /** Every transaction visible in the snapshot has a commit record before it: from there on the cache is not ahead of the log. */
  readonly snapshotLsn?: Lsn;
  /** When it was taken, or that of tables which came later, by the server's clock: µs since 1970 UTC. Unlike LSNs and xids it tells the copy of another history. */
  readonly importedAtUs?: number;
}

export type CachePosition = Place & Origin;

export const POSITION_DDL = `CREATE TABLE _daystream_position (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  clock INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  crc INTEGER NOT NULL,
  lsn TEXT NOT NULL,
  commit_time_us INTEGER NOT NULL,
  source_time_us INTEGER NOT NULL,
  applied_at_us INTEGER NOT NULL,
  behind_bytes INTEGER NOT NULL,
  bytes_per_second INTEGER NOT NULL,
  protect INTEGER NOT NULL,
  system TEXT NOT NULL,
  timeline INTEGER NOT NULL,
  slot TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  source TEXT NOT NULL,
  snapshot TEXT,
  snapshot_lsn TEXT,
  imported_at_us INTEGER
)`;

interface Row {
  clock: number; sequence: number; crc: number; lsn: string; commit_time_us: number; source_time_us: number; applied_at_us: number;
  behind_bytes: number; bytes_per_second: number; protect: number;
  system: string; timeline: number; slot: string; epoch: number; source: string; snapshot: string | null; snapshot_lsn: string | null; imported_at_us: number | null;
}

/** Where the cache stands; undefined before an import has finished it. */
export function readPosition(cache: Cache): CachePosition | undefined {
  return readOwn(cache, '_daystream_position', () => fromRow(cache.prepare<[], Row>('SELECT * FROM _daystream_position').get()));
}

function fromRow(row: Row | undefined): CachePosition | undefined {
  return row && {
    position: { clock: row.clock, sequence: row.sequence },
    crc: row.crc,
    lsn: parseLsn(row.lsn),
    commitTimeUs: row.commit_time_us,
    sourceTimeUs: row.source_time_us,
    appliedAtUs: row.applied_at_us,
    behindBytes: row.behind_bytes,
    bytesPerSecond: row.bytes_per_second,
    system: row.system,
    timeline: row.timeline,
    slot: row.slot,
    epoch: row.epoch,
    source: row.source,
    snapshot: row.snapshot,
    ...(row.snapshot_lsn !== null && { snapshotLsn: parseLsn(row.snapshot_lsn) }),
    ...(row.imported_at_us !== null && { importedAtUs: row.imported_at_us }),
  };
}

/** Writes the whole row: at the import, and where a log's epoch moves on. Whether the cache is protected stays. */
export function writePosition(cache: Cache, at: CachePosition): void {
  const protect = cache.prepare<[], number>('SELECT protect FROM main._daystream_position').pluck().get() ?? 0;
  cache.prepare('INSERT OR REPLACE INTO main._daystream_position VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').run(
    at.position.clock, at.position.sequence, at.crc, formatLsn(at.lsn), at.commitTimeUs, at.sourceTimeUs, at.appliedAtUs,
    at.behindBytes, at.bytesPerSecond, protect,
    at.system, at.timeline, at.slot, at.epoch, at.source, at.snapshot,
    at.snapshotLsn === undefined ? null : formatLsn(at.snapshotLsn),
    at.importedAtUs ?? null,
  );
}

/** A prepared write of what moves with every commit: the hot path. `isProtected`: whether others may not write to the tables from the commit on (protect.ts). */
export function placeWriter(cache: Cache, isProtected: boolean): (place: Place) => void {
  const statement = cache.prepare(`UPDATE main._daystream_position SET clock = ?, sequence = ?, crc = ?, lsn = ?, commit_time_us = ?, source_time_us = ?,
    timeline = ?, applied_at_us = ?, behind_bytes = ?, bytes_per_second = ?, protect = ?`);
  return (place) => {
    statement.run(place.position.clock, place.position.sequence, place.crc, formatLsn(place.lsn), place.commitTimeUs, place.sourceTimeUs,
      place.timeline, place.appliedAtUs, place.behindBytes, place.bytesPerSecond, isProtected ? 1 : 0);
  };
}
