#!/usr/bin/env node
/** `deltamirror`: replays the log into a cache, and follows it. */
import { InvalidArgumentError, Option } from 'commander';
import { command, hostAndPort, run, type HostAndPort } from '../cli.js';
import { isOriginal } from '../daystream/original.js';
import { ORIGIN, parsePosition, type Position } from '../daystream/position.js';
import { segmentsOf } from '../daystream/seek.js';
import type { Transport } from '../daystream/transport.js';
import { openTransport } from '../daystream/transports/open.js';
import { DeltaError } from '../errors.js';
import type { MetricsPage } from '../metrics/listen.js';
import { adoptCache } from '../sqlite/adopt.js';
import { readKind } from '../sqlite/header.js';
import { cachePath, lockCache } from '../sqlite/lock.js';
import { chooseEngine, loadEngine, type Engine, type EngineName } from '../sqlite/native.js';
import { cacheError, openCache, requireCache } from '../sqlite/open.js';
import { readPosition, type CachePosition } from '../sqlite/position.js';
import { setProtection } from '../sqlite/protect.js';
import { followFromNewest } from './away.js';
import { mirror } from './mirror.js';
import { addPublish } from './publish-command.js';
import { Report } from './report.js';
import { tellStanding, type Told } from './standing.js';
import { addStatus } from './status-command.js';
import { addWait } from './wait-command.js';

interface Options {
  readonly from?: Position;
  readonly source?: string;
  readonly tokenFile?: string;
  readonly insecure?: true;
  readonly once?: boolean;
  readonly strict?: boolean;
  readonly keepDropped?: boolean;
  readonly protect?: boolean;
  readonly bootstrap?: boolean;
  readonly register?: string;
  readonly metrics?: HostAndPort;
  readonly engine?: EngineName;
  readonly json?: boolean;
}

const program = command('deltamirror', 'Replays a daystream into a cache, and follows it.')
  .argument('<cache>', 'the SQLite file that deltaimport made')
  .option('--from <clock:sequence>', 'begin here instead of behind what the cache holds', position)
  .option('--source <folder or url>', 'the daystream, also by ssh://, http:// or https://; default: the one that the cache was made from')
  .option('--token-file <file>', 'what the server of an http source is shown, else DAYSTREAM_TOKEN')
  .option('--insecure', 'show the token also by http:// to another machine, where others may read it')
  .option('--once', 'stop at the end of the log')
  .option('--strict', 'stop at a table that cannot be followed, instead of going on without it')
  .option('--keep-dropped', 'a table that is dropped in Postgres stays, as it was last')
  .option('--protect', 'from now on a write to a mirrored table by anyone else fails; kept in the cache')
  .option('--no-protect', 'from now on anyone may write to the mirrored tables')
  .option('--bootstrap', 'where the log no longer reaches back to the cache: begin again with the newest published snapshot')
  .option('--register <name>', 'tell the log\'s folder where this host stands: daystream prune keeps what it needs, also while it is away')
  .option('--metrics <host:port>', 'serve metrics for Prometheus there, under /metrics (127.0.0.1:9187)', hostAndPort)
  .addOption(new Option('--engine <name>', 'what applies the rows (default: native, where it loads)').choices(['native', 'ts']))
  .option('--json', 'print the final state as JSON')
  .addHelpText('after', `
Examples:
  deltamirror cache.db                          follow the log that cache.db was imported from
  deltamirror --once --json cache.db            catch up, print where it stands, stop
  deltamirror --from 1507507200:0 --source logs cache.db
  deltamirror --source https://log.example/day/ --token-file token cache.db
  deltamirror publish cache.db --to /var/daystream    a snapshot for other hosts to begin with
  deltamirror status cache.db                   how fresh it is`)
  .enablePositionalOptions()
  .action(async (cache: string, options: Options) => {
    const stop = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
    await start(cachePath(cache), options, stop.signal);
  });

async function start(path: string, options: Options, signal: AbortSignal): Promise<void> {
  const report = new Report(process.stderr);
  const open = (source: string) => openTransport(source, { tell: (text) => report.note(text), signal, tokenFile: options.tokenFile, insecure: options.insecure, isAlone: true });
  const original = await originalLog(path, options, open);
  if (original === undefined) requireCache(path);
  const held = lockCache(path, `deltamirror ${path}`);
  let page: MetricsPage | undefined;
  try {
    if (original !== undefined && readKind(path) === 'not-ours') adopt(path, original);
    const at = standingOf(path);
    const source = options.source ?? at?.source ?? '';
    const engine = chooseEngine(options.engine, (text) => report.note(text));
    const transport = open(source);
    let told: Told | undefined;
    try {
      told = tellStanding(source, options.register, options.from ?? at?.position, () => report.committedAt, (text) => report.note(text));
      page = options.metrics && await (await import('./meters.js')).serveMetrics(report, options.metrics);
      await followFromNewest(path, transport, options.bootstrap === true, report, signal, () => follow(path, transport, options, engine, signal, report));
    } finally {
      page?.close();
      await transport.close();
      told?.end();
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw cacheError(path, error); // else it was stopped while it waited for the log
  } finally {
    held.release();
  }
}

async function follow(path: string, transport: Transport, { from, once = false, strict = false, keepDropped = false, protect, json = false }: Options, engine: Engine, signal: AbortSignal, report: Report): Promise<void> {
  const cache = openCache(path);
  try {
    loadEngine(cache, engine);
    if (protect !== undefined) setProtection(cache, protect);
    report.ended(await mirror(path, cache, transport, { from, once, strict, keepDropped, signal }, report), json);
  } finally {
    cache.close();
  }
}

function standingOf(path: string): CachePosition | undefined {
  const cache = openCache(path);
  try {
    return readPosition(cache);
  } finally {
    cache.close();
  }
}

/** The place of a log in the original format, given with --from and --source for a SQLite file that its user made. */
async function originalLog(path: string, { from, source }: Options, open: (source: string) => Transport): Promise<string | undefined> {
  if (from === undefined || source === undefined || readKind(path) !== 'not-ours') return undefined;
  const log = open(source);
  try {
    return await isOriginal(log, (await segmentsOf(log))[0]) ? log.place : undefined;
  } finally {
    await log.close();
  }
}

function adopt(path: string, source: string): void {
  adoptCache(path, { position: ORIGIN, crc: 0, lsn: 0n, commitTimeUs: 0, sourceTimeUs: 0, appliedAtUs: 0, behindBytes: 0, bytesPerSecond: 0, system: '0', timeline: 0, slot: '', epoch: 0, source, snapshot: null });
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
void run(program);
