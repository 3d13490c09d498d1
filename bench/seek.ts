/**
 * `daystream cat --from` in the middle of one large segment: how long until its first line is
 * printed, the start of the program included, and how much memory it takes; plain, compressed
 * and by a library call. Each place is read once before, so the disk is not what is measured.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { compressedName } from '../src/daystream/file-names.js';
import { Folder } from '../src/daystream/folder.js';
import { formatLsn } from '../src/daystream/lsn.js';
import { formatPosition, type Position } from '../src/daystream/position.js';
import { openReader } from '../src/daystream/read.js';
import { writeSeekable } from '../src/daystream/seekable-gzip.js';
import { Writer } from '../src/daystream/writer.js';
import type { Figure } from './figure.js';
import type { Workbench } from './workbench.js';

/** 10 GB at the full size. */
const BYTES_PER_ROW = 10_000;
const LINE_BYTES = 4000;
const LINES = 250;
/** The beginning of a day, and how much of it the segment takes. */
const CLOCK = 1_759_968_000;
const SECONDS = 80_000;
const FIRST_LINE_LIMIT_MS = 200;
const MEMORY_LIMIT_MB = 150;

export async function seek(bench: Workbench): Promise<Figure[]> {
  const folder = bench.directory('seek');
  const { segment, clocks } = await writeSegment(folder, bench.sizes.rows * BYTES_PER_ROW);
  const path = join(folder, segment);
  const gigabytes = (statSync(path).size / 1e9).toFixed(2);
  bench.tell(`a segment of ${gigabytes} GB is written`);
  const plain = await measure(bench, folder, clocks);
  await compress(folder, segment);
  rmSync(path);
  bench.tell(`compressed: ${(statSync(join(folder, compressedName(segment))).size / 1e9).toFixed(2)} GB`);
  const compressed = await measure(bench, folder, clocks);
  return ([['plain', plain], ['compressed', compressed]] as const).flatMap(([kind, { first, within, peak }]) => [
    { benchmark: 'seek', what: `${kind}, ${gigabytes} GB: first line of cat --from`, unit: 'ms', values: first, requirement: { kind: 'at most', limit: FIRST_LINE_LIMIT_MS } },
    { benchmark: 'seek', what: `${kind}: the same within a process`, unit: 'ms', values: within },
    { benchmark: 'seek', what: `${kind}: memory of cat --from`, unit: 'MB', values: peak, requirement: { kind: 'below', limit: MEMORY_LIMIT_MB } },
  ]);
}

interface Measured { readonly first: number[]; readonly within: number[]; readonly peak: number[] }

/** `--runs` places spread over the segment. */
async function measure(bench: Workbench, folder: string, clocks: readonly number[]): Promise<Measured> {
  const found: Measured = { first: [], within: [], peak: [] };
  for (let run = 0; run < bench.sizes.runs; run++) {
    const at = { clock: clocks[Math.floor(((run + 0.5) / bench.sizes.runs) * clocks.length)], sequence: 3 };
    await firstUnit(folder, at);
    const startedMs = performance.now();
    await firstUnit(folder, at);
    found.within.push(performance.now() - startedMs);
    const { ms, peakBytes } = await firstLine(bench, folder, at);
    found.first.push(ms);
    found.peak.push(peakBytes / 1e6);
  }
  return found;
}

async function firstUnit(folder: string, at: Position): Promise<void> {
  const log = new Folder(folder);
  try {
    const [unit] = await (await openReader(log, at)).next();
    if (unit === undefined) throw new Error(`nothing stands behind ${formatPosition(at)}`);
  } finally {
    await log.close();
  }
}

/** Until the first line is there; the program then goes on to print the rest of its transaction. */
async function firstLine(bench: Workbench, folder: string, at: Position): Promise<{ ms: number; peakBytes: number }> {
  const startedMs = performance.now();
  const cat = bench.own('inspect', ['cat', '--from', formatPosition(at), folder]);
  await cat.printed();
  const ms = performance.now() - startedMs;
  const { peakBytes } = cat;
  await cat.stop();
  return { ms, peakBytes };
}

/** A segment of so many bytes or a little more; gives its name and the clock of each transaction. */
async function writeSegment(folder: string, bytes: number): Promise<{ segment: string; clocks: number[] }> {
  const transactions = Math.max(2, Math.ceil(bytes / (LINE_BYTES * LINES)));
  const clocks: number[] = [];
  const writer = await Writer.open(folder, { system: '1', timeline: 1, slot: 'seek', plugin: 'deltastream', database: 'bench' }, 1n, { clock: () => clocks.at(-1) ?? CLOCK });
  // A compressor finds three quarters of a line again, and nothing of the rest.
  const [same, other] = [randomBytes(LINE_BYTES).toString('base64').slice(0, LINE_BYTES * 0.75), randomBytes(LINE_BYTES * LINES / 4).toString('base64')];
  for (let xid = 1; xid <= transactions; xid++) {
    clocks.push(CLOCK + Math.floor((xid / transactions) * SECONDS));
    const lsn = BigInt(xid) * 0x1000000n;
    const rows = Array.from({ length: LINES }, (_, i) => `_table\tt\t_xid\t${xid}\t_action\tinsert\tid\t${xid}-${i}\tvalue\t${same}${other.slice(i * LINE_BYTES / 4, (i + 1) * LINE_BYTES / 4)}`);
    writer.append(Buffer.from([`_action\tbegin\t_xid\t${xid}\t_lsn\t${formatLsn(lsn)}\t_ts\t1`, ...rows, `_action\tcommit\t_xid\t${xid}\t_lsn\t${formatLsn(lsn + 48n)}\t_rows\t${LINES}`].join('\n'), 'latin1'));
    writer.write();
  }
  await writer.sync();
  writer.close();
  const log = new Folder(folder);
  try {
    return { segment: (await log.list())[0], clocks };
  } finally {
    await log.close();
  }
}

/** What `daystream compress` does with a segment that has a next one. */
async function compress(folder: string, segment: string): Promise<void> {
  const log = new Folder(folder);
  const file = openSync(join(folder, compressedName(segment)), 'w');
  async function* blocks(): AsyncGenerator<Buffer> {
    const block = Buffer.allocUnsafe(1 << 20);
    for (let offset = 0, read = 1; read > 0; offset += read) {
      read = await log.read(segment, offset, block);
      yield block.subarray(0, read);
    }
  }
  try {
    await writeSeekable(blocks(), (bytes) => { writeSync(file, bytes); }, { level: 1 });
  } finally {
    closeSync(file);
    await log.close();
  }
}
