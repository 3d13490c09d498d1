/** What a try has shown, in words and as JSON. */
import { formatLsn, type Lsn } from '../daystream/lsn.js';
import { plural } from '../cli.js';
import type { LeftOut } from './choose.js';
import type { Compared } from './equal.js';
import type { Reading } from './meter.js';

/** More are counted, not named. */
const NAMED_LIMIT = 20;

export interface Lag { readonly p50Ms: number | undefined; readonly maxMs: number | undefined }

export interface TryReport {
  /** `host:port/database`. */
  readonly place: string;
  readonly version: string;
  readonly plugin: string;
  readonly copiedRows: number;
  readonly copySeconds: number;
  readonly followedSeconds: number;
  readonly arrived: Reading;
  readonly heartbeats: Lag;
  /** Empty where nothing was compared; then `notCompared` says why. */
  readonly tables: readonly Compared[];
  readonly notCompared: string | undefined;
  /** Where both caches stood when they were compared. */
  readonly comparedAt: Lsn | undefined;
  /** Of what was compared, all is. */
  readonly equal: boolean;
  /** All that was tried was compared. */
  readonly complete: boolean;
  readonly leftOut: readonly LeftOut[];
  /** What could not be removed, with what to type. */
  readonly left: readonly string[];
}

export function asJson({ comparedAt, tables, arrived, heartbeats, notCompared, ...report }: TryReport): string {
  return JSON.stringify({
    ...report,
    arrived: { rows: arrived.rows, transactions: arrived.transactions },
    lag: { p50Ms: arrived.p50Ms ?? null, maxMs: arrived.maxMs ?? null, heartbeatP50Ms: heartbeats.p50Ms ?? null, heartbeatMaxMs: heartbeats.maxMs ?? null },
    tables: tables.map(({ not, ...table }) => ({ ...table, notCompared: not ?? null })),
    notCompared: notCompared ?? null,
    comparedAt: comparedAt === undefined ? null : formatLsn(comparedAt),
  });
}

export function describe(report: TryReport): string[] {
  const { version, plugin, copiedRows, copySeconds, followedSeconds, arrived, left } = report;
  return [
    '',
    `PostgreSQL ${version}, plugin ${plugin}`,
    `copied:   ${plural(copiedRows, 'row')} in ${copySeconds.toFixed(1)} s`,
    `followed: ${plural(arrived.rows, 'changed row')} in ${plural(arrived.transactions, 'transaction')}, ${followedSeconds.toFixed(0)} s; ${lagText(report)}`,
    ...comparison(report),
    left.length === 0 ? 'removed:  slot, publication, files; nothing is left behind' : `left behind: ${left.join('; ')}`,
  ];
}

function lagText({ arrived, heartbeats }: TryReport): string {
  if (arrived.p50Ms !== undefined) return `lag ${figures(arrived)} (commit in Postgres to visible in SQLite)`;
  if (heartbeats.p50Ms !== undefined) return `lag of heartbeats ${figures(heartbeats)}`;
  return 'nothing was committed to these tables meanwhile';
}

/** `p50 1.2 ms, max 30 ms`. */
export function figures({ p50Ms, maxMs }: Lag): string {
  return `p50 ${msText(p50Ms)}, max ${msText(maxMs)}`;
}

function msText(ms: number | undefined): string {
  return ms === undefined ? '-' : `${ms.toFixed(ms < 100 ? 1 : 0)} ms`;
}

function comparison({ tables, notCompared, equal, comparedAt }: TryReport): string[] {
  if (notCompared !== undefined) return [`not compared: ${notCompared}`];
  const done = tables.filter(({ not }) => not === undefined);
  const rows = done.reduce((sum, table) => sum + table.rows, 0);
  const apart = tables.length - done.length;
  const differing = done.filter(({ differences }) => differences > 0);
  const at = comparedAt === undefined ? '' : ` at ${formatLsn(comparedAt)}`;
  return [
    ...limited(done, ({ schema, table, rows, differences }) => `  ${schema}.${table}: ${plural(rows, 'row')}${differences === 0 ? '' : `, ${plural(differences, 'difference')}`}`),
    ...limited(tables.filter(({ not }) => not !== undefined), ({ schema, table, not }) => `  ${schema}.${table}: not compared: ${not}`),
    `${equal ? 'equal:   ' : done.length === 0 ? 'nothing compared:' : 'NOT EQUAL:'} ${plural(done.length, 'table')}, ${plural(rows, 'row')}, value by value: the cache that followed against a second copy, taken at the end, both${at}${apart === 0 ? '' : `; ${apart} not compared`}`,
    ...(differing.length > 0 ? ['this is a bug in deltamirror, unless somebody wrote those caches; please report it'] : []),
  ];
}

function limited<T>(all: readonly T[], text: (one: T) => string): string[] {
  return [...all.slice(0, NAMED_LIMIT).map(text), ...(all.length > NAMED_LIMIT ? [`  and ${all.length - NAMED_LIMIT} more`] : [])];
}
