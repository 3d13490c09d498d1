/** Where a cache stands behind a unit. */
import { maxLsn } from '../daystream/lsn.js';
import { unitLsn } from '../daystream/recovery.js';
import { decodeHeader, text } from '../daystream/segment.js';
import type { Unit } from '../daystream/unit.js';
import type { CachePosition } from '../sqlite/position.js';

export function behindUnit(at: CachePosition, unit: Unit): CachePosition {
  const place = { position: unit.last, crc: unit.crc, lsn: maxLsn(at.lsn, unitLsn(unit)) };
  switch (unit.kind) {
    case 'open': return { ...at, ...place, timeline: decodeHeader(unit.line).timeline };
    case 'horizon': return { ...at, ...place, sourceTimeUs: Math.max(at.sourceTimeUs, Number(text(unit.line, '_ts'))), timeline: Number(unit.line.own.get('_timeline') ?? at.timeline) };
    case 'transaction': {
      if (unit.commitTimeUs === undefined) return { ...at, ...place };
      const commitTimeUs = Number(unit.commitTimeUs);
      return { ...at, ...place, commitTimeUs, sourceTimeUs: Math.max(at.sourceTimeUs, commitTimeUs) };
    }
    default: return { ...at, ...place };
  }
}
