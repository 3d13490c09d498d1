/** Where a cache stands behind a unit. */
import { maxLsn } from '../daystream/lsn.js';
import { comparePositions } from '../daystream/position.js';
import { unitLsn } from '../daystream/recovery.js';
import { decodeHeader, text } from '../daystream/segment.js';
import { isVisible, type Snapshot } from '../daystream/snapshot.js';
import type { Transaction, Unit } from '../daystream/unit.js';
import type { CachePosition } from '../sqlite/position.js';

export function behindUnit(at: CachePosition, unit: Unit): CachePosition {
  const sourceTimeUs = Math.max(at.sourceTimeUs, timeOf(unit));
  const commitTimeUs = unit.kind === 'transaction' && unit.commitTimeUs !== undefined ? Number(unit.commitTimeUs) : at.commitTimeUs;
  return { ...at, position: unit.last, crc: unit.crc, lsn: maxLsn(at.lsn, unitLsn(unit)), commitTimeUs, sourceTimeUs, timeline: timelineOf(unit) ?? at.timeline };
}

/** P4: what the cache has is passed over, and its position never moves back (--from an earlier one). `epoch`: of the history that the unit is in. */
export function isBehind(unit: Unit, epoch: number, at: CachePosition): boolean {
  if (epoch !== at.epoch) return epoch < at.epoch;
  if (unit.kind === 'epoch') return true;
  return comparePositions(unit.last, at.position) <= 0 && unitLsn(unit) <= at.lsn;
}

/** True where the cache has this transaction: by LSN after a power loss (P4), by visibility after an import (design §4). */
export function isHeld(unit: Transaction, at: CachePosition, imported: Snapshot | undefined): boolean {
  if (unit.commitLsn !== undefined && unit.commitLsn < at.lsn) return true;
  return imported !== undefined && isVisible(imported, unit.xid);
}

/** What the unit says of Postgres's clock; 0 where it does not. */
function timeOf(unit: Unit): number {
  if (unit.kind === 'transaction') return Number(unit.commitTimeUs ?? 0n);
  return unit.kind === 'horizon' ? Number(text(unit.line, '_ts')) : 0;
}

/** Said where a segment begins, and where it changes within one (docs/format.md §4). */
function timelineOf(unit: Unit): number | undefined {
  if (unit.kind === 'open') return decodeHeader(unit.line).timeline;
  const said = unit.kind === 'horizon' ? unit.line.own.get('_timeline') : undefined;
  return said == null ? undefined : Number(said);
}
