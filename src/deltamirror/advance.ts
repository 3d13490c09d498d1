/** Where a cache stands behind a unit. */
import { maxLsn } from '../daystream/lsn.js';
import { unitLsn } from '../daystream/recovery.js';
import { decodeHeader, text } from '../daystream/segment.js';
import type { Unit } from '../daystream/unit.js';
import type { CachePosition } from '../sqlite/position.js';

export function behindUnit(at: CachePosition, unit: Unit): CachePosition {
  const sourceTimeUs = Math.max(at.sourceTimeUs, timeOf(unit));
  const commitTimeUs = unit.kind === 'transaction' && unit.commitTimeUs !== undefined ? Number(unit.commitTimeUs) : at.commitTimeUs;
  return { ...at, position: unit.last, crc: unit.crc, lsn: maxLsn(at.lsn, unitLsn(unit)), commitTimeUs, sourceTimeUs, timeline: timelineOf(unit) ?? at.timeline };
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
