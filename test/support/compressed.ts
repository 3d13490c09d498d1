import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compressedName } from '../../src/daystream/file-names.js';
import { SeekableReader } from '../../src/daystream/seekable-reader.js';
import { writeSeekable, type SeekableOptions } from '../../src/daystream/seekable-gzip.js';

/** The bytes as a seekable gzip file. */
export async function seekable(plain: Buffer, options: SeekableOptions = {}): Promise<Buffer> {
  const parts: Buffer[] = [];
  await writeSeekable([plain], (bytes) => { parts.push(bytes); }, options);
  return Buffer.concat(parts);
}

export function openSeekable(file: Buffer): Promise<SeekableReader> {
  return SeekableReader.open({
    place: 'file.gz',
    read: async (offset, into) => file.copy(into, 0, offset),
    size: async () => file.length,
  });
}

/** Puts a segment's compressed file beside it; `instead`: the plain one goes away. */
export async function compressInto(folder: string, segment: string, instead: boolean): Promise<void> {
  writeFileSync(join(folder, compressedName(segment)), await seekable(readFileSync(join(folder, segment)), { level: 1 }));
  if (instead) rmSync(join(folder, segment));
}
