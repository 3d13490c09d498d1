#!/usr/bin/env node
/** `deltamirror`: replays the log into a cache, and follows it. */
import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { command, hostAndPort, run, type HostAndPort } from '../cli.js';
import { Folder } from '../daystream/folder.js';
import { isOriginal } from '../daystream/original.js';
import { ORIGIN, parsePosition, type Position } from '../daystream/position.js';
import { segmentsOf } from '../daystream/seek.js';
import type { Transport } from '../daystream/transport.js';
import { DeltaError } from '../errors.js';
import { listenForMetrics, type MetricsPage } from '../metrics/listen.js';
import { adoptCache } from '../sqlite/adopt.js';
import { readKind } from '../sqlite/header.js';
import { cachePath, lockCache } from '../sqlite/lock.js';
import { cacheError, openCache, requireCache } from '../sqlite/open.js';
import { readPosition } from '../sqlite/position.js';
import { setProtection } from '../sqlite/protect.js';
import { followFromNewest } from './away.js';
import { mirrorMetrics } from './meters.js';
import { mirror } from './mirror.js';
import { addPublish } from './publish-command.js';
import { Report } from './report.js';
import { addStatus } from './status-command.js';
import { addWait } from './wait-command.js';

interface Options {
  readonly from?: Position;
  readonly source?: string;
  readonly once?: boolean;
  readonly strict?: boolean;
  readonly keepDropped?: boolean;
  readonly protect?: boolean;
  readonly bootstrap?: boolean;
  readonly metrics?: HostAndPort;
  readonly json?: boolean;
}

const program = command('deltamirror', 'Replays a daystream into a cache, and follows it.')
  .argument('<cache>', 'the SQLite file that deltaimport made')
  .option('--from <clock:sequence>', 'begin here instead of behind what the cache holds', position)
  .option('--source <folder>', 'the daystream; default: the one that the cache was made from')
  .option('--once', 'stop at the end of the log')
  .option('--strict', 'stop at a table that cannot be followed, instead of going on without it')
  .option('--keep-dropped', 'a table that is dropped in Postgres stays, as it was last')
  .option('--protect', 'from now on a write to a mirrored table by anyone else fails; kept in the cache')
  .option('--no-protect', 'from now on anyone may write to the mirrored tables')
  .option('--bootstrap', 'where the log no longer reaches back to the cache: begin again with the newest published snapshot')
  .option('--metrics <host:port>', 'serve metrics for Prometheus there, under /metrics (127.0.0.1:9187)', hostAndPort)
  .option('--json', 'print the final state as JSON')
  .addHelpText('after', `
Examples:
  deltamirror cache.db                          follow the log that cache.db was imported from
  deltamirror --once --json cache.db            catch up, print where it stands, stop
  deltamirror --from 1507507200:0 --source logs cache.db
  deltamirror publish cache.db --to /var/daystream    a snapshot for other hosts to begin with
  deltamirror status cache.db                   how fresh it is`)
  .enablePositionalOptions()
  .action(async (cache: string, options: Options) => {
    const stop = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
    await start(cachePath(cache), options, stop.signal);
  });

async function start(path: string, options: Options, signal: AbortSignal): Promise<void> {
  if (!(await adoptable(path, options))) requireCache(path);
  const held = lockCache(path, `deltamirror ${path}`);
  let page: MetricsPage | undefined;
  try {
    if (await adoptable(path, options)) adopt(path, options.source!);
    const transport = new Folder(options.source ?? sourceOf(path));
    try {
      const report = new Report(process.stderr);
      page = options.metrics && await listenForMetrics(mirrorMetrics(() => report.applier), options.metrics);
      await followFromNewest(path, transport, options.bootstrap === true, report, signal, () => follow(path, transport, options, signal, report));
    } finally {
      page?.close();
      await transport.close();
    }
  } catch (error) {
    throw cacheError(path, error);
  } finally {
    held.release();
  }
}

async function follow(path: string, transport: Transport, { from, once = false, strict = false, keepDropped = false, protect, json = false }: Options, signal: AbortSignal, report: Report): Promise<void> {
  const cache = openCache(path);
  try {
    if (protect !== undefined) setProtection(cache, protect);
    report.ended(await mirror(path, cache, transport, { from, once, strict, keepDropped, signal }, report), json);
  } finally {
    cache.close();
  }
}

function sourceOf(path: string): string {
  const cache = openCache(path);
  try {
    return readPosition(cache)?.source ?? '';
  } finally {
    cache.close();
  }
}

/** True for a SQLite file that its user made for a log in the original format, with --from and --source. */
async function adoptable(path: string, { from, source }: Options): Promise<boolean> {
  if (from === undefined || source === undefined || readKind(path) !== 'not-ours') return false;
  const folder = new Folder(source);
  try {
    return await isOriginal(folder, (await segmentsOf(folder))[0]);
  } finally {
    await folder.close();
  }
}

function adopt(path: string, source: string): void {
  adoptCache(path, { position: ORIGIN, crc: 0, lsn: 0n, commitTimeUs: 0, sourceTimeUs: 0, appliedAtUs: 0, behindBytes: 0, bytesPerSecond: 0, system: '0', timeline: 0, slot: '', epoch: 0, source: resolve(source), snapshot: null });
}

function position(text: string): Position {
  try {
    return parsePosition(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof DeltaError ? `Write clock:sequence, like 1507507200:0.` : String(error));
  }
}

addPublish(program);
addStatus(program);
addWait(program);
await run(program);
