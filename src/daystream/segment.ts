/** Segments: one file of the log for each UTC day of the clock (docs/format.md §5). */
import { encodePairs, type Line } from './codec.js';
import { DeltaError } from '../errors.js';
import { formatLsn, parseLsn, type Lsn } from './lsn.js';
import { formatPosition, parsePosition, type Position } from './position.js';
import { reconcileHint } from './reconcile-hint.js';

export const FORMAT_VERSION = 1;
/** What wrote a log that does not say it: there was no other. */
const FIRST_PLUGIN = 'deltastream';
const NAME = /^\d{4}-\d\d-\d\d(?:\.e\d{16,})?\.daystream$/;

export function segmentName(clock: number): string {
  return `${new Date(clock * 1000).toISOString().slice(0, 10)}.daystream`;
}

/** The segment that an epoch begins: it comes behind the day's own. */
export function epochSegmentName(clock: number, epoch: number): string {
  return `${segmentName(clock).slice(0, DAY_LENGTH)}.e${String(epoch).padStart(16, '0')}.daystream`;
}

/** True where lines of this clock stand in the segment, or in another one of its day. */
export function isOfDay(name: string, clock: number): boolean {
  return name.slice(0, DAY_LENGTH) === segmentName(clock).slice(0, DAY_LENGTH);
}

const DAY_LENGTH = '2017-10-09'.length;

export function isSegmentName(name: string): boolean {
  return NAME.test(name);
}

/** Which Postgres a log belongs to. */
export interface LogIdentity {
  /** The system identifier of the cluster; `0` where the log was written without a connection. */
  readonly system: string;
  readonly timeline: number;
  /** Of a server: where its history left each of the timelines before. */
  readonly ancestors?: ReadonlyMap<number, Lsn>;
  readonly slot: string;
  /** The output plugin that decodes for the slot. */
  readonly plugin: string;
  /** What decides which tables the slot sends, where that is not the plugin's part (pgoutput). */
  readonly publication?: string;
  /** The name of the database that the slot is in; empty where it is not known. */
  readonly database: string;
}

/** What the first line of a segment says. */
export interface SegmentHeader extends LogIdentity {
  readonly epoch: number;
  /** The log before this line is complete up to here. */
  readonly lsn: Lsn;
  readonly previous: Position;
  readonly previousCrc: number;
}

/** The open line's pairs, without position and crc. */
export function encodeHeader(header: SegmentHeader): string {
  return encodePairs([
    ['_action', 'open'],
    ['_version', String(FORMAT_VERSION)],
    ['_system', header.system],
    ['_timeline', String(header.timeline)],
    ['_slot', header.slot],
    ['_plugin', header.plugin],
    ...(header.publication === undefined ? [] : [['_publication', header.publication] as const]),
    ['_database', header.database],
    ['_epoch', String(header.epoch)],
    ['_lsn', formatLsn(header.lsn)],
    ['_previous', formatPosition(header.previous)],
    ['_previous_crc', formatCrc(header.previousCrc)],
  ]);
}

/** Throws DeltaError log-damaged where a pair is absent, log-foreign where the version is not ours. */
export function decodeHeader(line: Line): SegmentHeader {
  const version = text(line, '_version');
  if (version !== String(FORMAT_VERSION)) {
    throw new DeltaError('log-foreign', `the log is of format version ${version}, this program reads version ${FORMAT_VERSION}`, { hint: 'upgrade deltamirror' });
  }
  return {
    system: text(line, '_system'),
    timeline: Number(text(line, '_timeline')),
    slot: text(line, '_slot'),
    plugin: line.own.get('_plugin') ?? FIRST_PLUGIN,
    publication: line.own.get('_publication') ?? undefined,
    database: text(line, '_database'),
    epoch: Number(text(line, '_epoch')),
    lsn: parseLsn(text(line, '_lsn')),
    previous: parsePosition(text(line, '_previous')),
    previousCrc: parseInt(text(line, '_previous_crc'), 16),
  };
}

/** Where nothing else differs: what may lie between the log and what would be appended. */
const BROKEN: Readonly<Record<string, string>> = {
  'system': 'the server was upgraded or restored as another one, or --pg is not the log\'s',
  'system and timeline': 'the server was upgraded or restored as another one, or --pg is not the log\'s',
  'timeline': 'after a failover, commits in the log may be lost in Postgres',
  'plugin': 'the slot was made anew, and what was committed before is in neither',
};

/**
 * Throws DeltaError log-foreign where the log is of another slot, system or history of it, or of a slot of
 * that name that was made anew for another plugin. A server that was promoted goes on with a log that ends
 * at `lsn` where its timeline comes from the log's and left it no earlier.
 */
export function requireSameLog(place: string, log: LogIdentity, lsn: Lsn, given: LogIdentity): void {
  const differs = (['system', 'timeline', 'slot', 'plugin', 'database'] as const).filter((key) => log[key] !== given[key] && !(key === 'timeline' && isContinued(log, lsn, given)));
  if (differs.length === 0) return;
  const said = (identity: LogIdentity) => differs.map((key) => `${key} ${identity[key]}`).join(' and ');
  const why = BROKEN[differs.join(' and ')];
  const left = differs.includes('system') ? undefined : given.ancestors?.get(log.timeline);
  const where = left === undefined ? '' : `, which began at ${formatLsn(left)} where the log ends at ${formatLsn(lsn)}`;
  throw new DeltaError('log-foreign', `${place}: holds the log of ${said(log)}, not of ${said(given)}${where}${why === undefined ? '' : `: ${why}`}`, {
    hint: why === undefined ? 'give another folder with --out' : reconcileHint(given.slot, place),
  });
}

function isContinued(log: LogIdentity, lsn: Lsn, given: LogIdentity): boolean {
  const left = given.ancestors?.get(log.timeline);
  return log.system === given.system && left !== undefined && lsn <= left;
}

/** A pair that the line must have. */
export function text(line: Line, key: string): string {
  const value = line.own.get(key);
  if (value === undefined || value === null) throw new DeltaError('log-damaged', `a line at ${formatPosition(line.position)} has no ${key}`);
  return value;
}

export function formatCrc(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
