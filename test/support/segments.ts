import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSegmentName } from '../../src/daystream/segment.js';

/** All bytes of a log, in order. */
export function segmentBytes(folder: string): Buffer {
  return Buffer.concat(readdirSync(folder).filter(isSegmentName).sort().map((name) => readFileSync(join(folder, name))));
}
