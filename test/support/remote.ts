/** Logs read through a server that lies: what comes, and that nothing else does. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { linesOf } from '../../src/daystream/lines.js';
import { patiently } from '../../src/daystream/patience.js';
import { LogReader, type Place } from '../../src/daystream/reader.js';
import { seekStart } from '../../src/daystream/seek.js';
import { Segments } from '../../src/daystream/segments.js';
import type { Transport } from '../../src/daystream/transport.js';
import { HttpFiles, type HttpOptions } from '../../src/daystream/transports/http-files.js';
import { isLogFile } from '../../src/daystream/file-names.js';
import { INDEX_NAME } from '../../src/daystream/index-file.js';
import type { Random } from './random.js';
import { openWriter, transactionLines } from './log.js';

/** Nobody waits in a test for what is only to be waited for once. */
export const IMPATIENT: HttpOptions = { stallMs: 100, backoffMs: () => 0 };

export function overHttp(url: string, options: HttpOptions = IMPATIENT): Segments {
  return new Segments(new HttpFiles(new URL(url), options));
}

/** Writes a log of one segment of at least so many bytes: small transactions, and one of so many that is larger than a reader's block. */
export async function writeSegment(folder: string, bytes: number, random: Random, largeBytes: number, every = 60): Promise<void> {
  const writer = await openWriter(folder, { clock: () => 1_760_000_000 });
  for (let xid = 1; writer.stats.bytes < bytes; xid++) {
    const rows = xid % every === 7 ? Math.ceil(largeBytes / 60) : 1 + random.below(4);
    writer.append(transactionLines(xid, BigInt(xid) * 0x1000n, Array.from({ length: rows }, (_, row) => `${xid}-${row}-${random.below(1e9)}`)));
    if (xid % 25 === 0) writer.horizon(BigInt(xid) * 0x1000n + 100n, 1_760_000_000_000_000n, `${xid + 1}:${xid + 1}:`);
  }
  await writer.sync();
  writer.close();
}

/** A log's files and its index, by name. */
export function filesOf(folder: string): Map<string, Buffer> {
  return new Map(readdirSync(folder).filter((name) => name === INDEX_NAME || isLogFile(name)).map((name) => [name, readFileSync(join(folder, name))]));
}

/** Every transaction from the log's start to its end, as one line each: who it is, and what it holds. */
export async function transactionsOf(log: Transport, blockBytes: number, end: number): Promise<string[]> {
  const found: string[] = [];
  await readOn(log, await patiently(log, () => seekStart(log)), blockBytes, end, found);
  return found;
}

/** Reads on from a place to the log's end, or to where `isEnough`, which is asked behind each block. Adds the transactions to `found`; gives the place behind them. */
export async function readOn(log: Transport, from: Place, blockBytes: number, end: number, found: string[], isEnough: (offset: number) => boolean = () => false): Promise<Place> {
  const reader = new LogReader(log, from, blockBytes);
  while (reader.place.offset < end && !isEnough(reader.place.offset)) {
    const units = await reader.next();
    for (const unit of units) {
      if (unit.kind === 'transaction') {
        const hash = createHash('sha1');
        for await (const block of linesOf(log, unit)) hash.update(block);
        found.push(`${unit.xid} ${unit.start} ${unit.crc} ${hash.digest('hex')}`);
      }
    }
    if (units.length === 0) await reader.wait(1);
  }
  return reader.place;
}
