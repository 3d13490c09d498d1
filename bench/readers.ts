/**
 * What readers cost: a writer appends at a fixed rate, `daystream serve` pushes to 1, 10,
 * 100 and 1,000 readers on the same machine, and each of them tells how far it lags.
 */
import { LogReader } from '../src/daystream/reader.js';
import { Folder } from '../src/daystream/folder.js';
import { seekStart } from '../src/daystream/seek.js';
import { Writer } from '../src/daystream/writer.js';
import { median, type Figure } from './figure.js';
import { LOG_IDENTITY, type Written } from './readers-writer.js';
import type { Received } from './readers-client.js';
import { FULL } from './sizes.js';
import type { Workbench } from './workbench.js';

const TRANSACTIONS_PER_SECOND = 1000;
const READERS = [1, 10, 100, 1000];
const READERS_QUICK = [1, 10];
/** Two, so that not one process's own pace is measured. */
const CLIENTS = 2;

const LAG_LIMIT_MS = 1000;
const MEMORY_LIMIT_MB = 300;
const RATE_LIMIT = 0.9;

interface Run extends Written, Received {
  readonly peakMb: number;
  /** Of one processor. */
  readonly processor: number;
}

export async function readers(bench: Workbench): Promise<Figure[]> {
  const counts = bench.sizes.rows >= FULL.rows ? READERS : READERS_QUICK;
  const alone: Written[] = [];
  const runs = new Map<number, Run[]>(counts.map((count) => [count, []]));
  for (let run = 0; run < bench.sizes.runs; run++) {
    alone.push(await write(bench, await makeLog(bench)));
    for (const count of counts) {
      const measured = await measure(bench, count);
      runs.get(count)!.push(measured);
      bench.tell(`run ${run + 1} of ${bench.sizes.runs}, ${count} readers: p50 ${measured.p50.toFixed(1)} ms, max ${measured.max.toFixed(1)} ms, ${measured.peakMb.toFixed(0)} MB`);
    }
  }
  return [
    figure('no readers: rate that was written', 'tx/s', alone.map(({ rate }) => rate)),
    figure('no readers: appended to durable, p50', 'ms', alone.map(({ durable }) => durable)),
    ...[...runs].flatMap(([count, of]) => figuresOf(count, of, alone)),
  ];
}

function figuresOf(count: number, runs: readonly Run[], alone: readonly Written[]): Figure[] {
  const name = (what: string) => `${count} reader${count === 1 ? '' : 's'}: ${what}`;
  return [
    figure(name('written to received, p50'), 'ms', runs.map(({ p50 }) => p50)),
    figure(name('written to received, p99'), 'ms', runs.map(({ p99 }) => p99)),
    figure(name('written to received, slowest of all'), 'ms', runs.map(({ max }) => max), { kind: 'at most', limit: LAG_LIMIT_MS }),
    figure(name('serve, processor time of one'), '×', runs.map(({ processor }) => processor)),
    figure(name('serve, peak memory'), 'MB', runs.map(({ peakMb }) => peakMb), { kind: 'below', limit: MEMORY_LIMIT_MB }),
    figure(name('appended to durable, p50'), 'ms', runs.map(({ durable }) => durable)),
    figure(name('rate that was written / without readers'), '×', runs.map(({ rate }, i) => rate / alone[i].rate), { kind: 'at least', limit: RATE_LIMIT }),
  ];
}

function figure(what: string, unit: Figure['unit'], values: readonly number[], requirement?: Figure['requirement']): Figure {
  return { benchmark: 'readers', what, unit, values, ...(requirement !== undefined && { requirement }) };
}

async function measure(bench: Workbench, count: number): Promise<Run> {
  const log = await makeLog(bench);
  const serve = bench.own('inspect', ['serve', '--listen', '127.0.0.1:0', log.folder]);
  const [, url] = await serve.said(/serving .* on (http\S+)/);
  const clients = shares(count).map((readers) => bench.node('readers-client.js', [`${url}${log.segment}?live`, String(log.bytes), String(readers)]));
  for (const client of clients) await client.said(/ready/);
  const before = serve.processorSeconds;
  const written = await write(bench, log);
  const processor = (serve.processorSeconds - before) / written.seconds;
  const received = await Promise.all(clients.map(async (client) => {
    await client.ended;
    return JSON.parse(client.stdout) as Received;
  }));
  const peakMb = serve.peakBytes / 1e6;
  await serve.stop();
  return { ...written, processor, peakMb, p50: median(received.map(({ p50 }) => p50)), p99: Math.max(...received.map(({ p99 }) => p99)), max: Math.max(...received.map(({ max }) => max)) };
}

async function write(bench: Workbench, log: { readonly folder: string }): Promise<Written> {
  const writer = bench.node('readers-writer.js', [log.folder, String(TRANSACTIONS_PER_SECOND), String(bench.sizes.seconds)]);
  await writer.ended;
  return JSON.parse(writer.stdout) as Written;
}

/** A log that has begun, so that there is a segment to follow. */
async function makeLog(bench: Workbench): Promise<{ folder: string; segment: string; bytes: number }> {
  const folder = bench.directory('log');
  const writer = await Writer.open(folder, LOG_IDENTITY, 0x1000n);
  writer.horizon(0x1000n, BigInt(Date.now()) * 1000n, undefined);
  await writer.sync();
  writer.close();
  const log = new Folder(folder);
  const reader = new LogReader(log, await seekStart(log));
  while ((await reader.next()).length > 0);
  await log.close();
  return { folder, segment: reader.place.segment, bytes: reader.place.offset };
}

/** How many readers each client process has. */
function shares(count: number): number[] {
  return Array.from({ length: Math.min(CLIENTS, count) }, (_, i) => Math.floor((count + i) / Math.min(CLIENTS, count)));
}
