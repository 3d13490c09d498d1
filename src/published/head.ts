/** What stands in front of a published snapshot: of what it is, and what it has to hold. */
import { formatLsn, parseLsn } from '../daystream/lsn.js';
import { formatPosition, parsePosition } from '../daystream/position.js';
import type { Progress } from '../daystream/resume.js';
import { CACHE_VERSION } from '../sqlite/header.js';
import type { ChosenPattern } from '../sqlite/patterns.js';
import type { CachePosition } from '../sqlite/position.js';
import type { CacheTable } from '../sqlite/tables.js';

/** Of this layout. */
const VERSION = 1;

export interface SnapshotHead extends Progress {
  readonly timeline: number;
  /** When it was made, in µs since 1970 UTC by the clock of the host that made it. */
  readonly publishedAtUs: number;
  /** How long the SQLite file in it is, and its SHA-256 in hex. */
  readonly bytes: number;
  readonly sha256: string;
  /** The tables as the file lists them, but for how they joined: enough to tell what a host can have before it fetches the file. */
  readonly tables: readonly CacheTable[];
  readonly patterns: readonly ChosenPattern[];
}

interface Written extends Omit<SnapshotHead, 'position' | 'crc' | 'lsn'> {
  readonly version: number;
  /** Of the cache in it. */
  readonly cache: number;
  readonly position: string;
  readonly crc: string;
  readonly lsn: string;
}

/** The head of a file of so many bytes that holds a cache at this position. */
export function headOf(at: CachePosition, tables: readonly CacheTable[], patterns: readonly ChosenPattern[], file: { bytes: number; sha256: string }): SnapshotHead {
  const { system, timeline, slot, epoch, position, crc, lsn } = at;
  return { system, timeline, slot, epoch, position, crc, lsn, publishedAtUs: Date.now() * 1000, ...file, tables: tables.map(({ joining: _, ...table }) => table), patterns };
}

export function encodeHead({ position, crc, lsn, ...head }: SnapshotHead): Buffer {
  const written: Written = { version: VERSION, cache: CACHE_VERSION, position: formatPosition(position), crc: crc.toString(16).padStart(8, '0'), lsn: formatLsn(lsn), ...head };
  return Buffer.from(JSON.stringify(written));
}

/** A head, or why it cannot be used here. */
export function decodeHead(bytes: Buffer | undefined): SnapshotHead | string {
  try {
    const { version, cache, position, crc, lsn, ...head } = JSON.parse(bytes?.toString() ?? '') as Written;
    if (version > VERSION || cache > CACHE_VERSION) return 'was made by a newer version of deltamirror';
    if (version !== VERSION || cache !== CACHE_VERSION) return 'was made by an older version of deltamirror';
    return { ...head, position: parsePosition(position), crc: Number.parseInt(crc, 16), lsn: parseLsn(lsn) };
  } catch {
    return 'is no published snapshot: what stands in front of it does not say of what it is';
  }
}

/** True where a cache stands where the head says, in the same log. */
export function standsAt(head: SnapshotHead, at: CachePosition): boolean {
  return at.system === head.system && at.slot === head.slot && at.epoch === head.epoch && at.timeline === head.timeline
    && formatPosition(at.position) === formatPosition(head.position) && at.crc === head.crc && at.lsn === head.lsn;
}
