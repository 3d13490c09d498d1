/** Before anything is made: what stands in the way, in doctor's words, and what there is to try. */
import type pg from 'pg';
import { sizeText } from '../cli.js';
import { DeltaError } from '../errors.js';
import { placeOf } from '../postgres/connection.js';
import type { Finding } from '../postgres/finding.js';
import type { PluginName } from '../postgres/slot.js';
import { chooseTried, requireTryable, type ChosenTables } from './choose.js';
import { requireRoom } from './places.js';
import { Program, type Where } from './program.js';

/** Tables are judged one by one in choose.ts. */
const OF_TABLES = /^(table|tables|\d+ more tables) /;
/** More are counted, not named. */
const NAMED_LIMIT = 20;

export interface Looked extends ChosenTables { readonly plugin: PluginName }

interface Doctor { readonly plugin: PluginName; readonly findings: readonly Finding[] }

export interface LookOptions {
  /** The arguments that say where Postgres is. */
  readonly target: readonly string[];
  readonly name: string;
  readonly patterns: string;
  readonly plugin: string;
  readonly limitBytes: number;
}

/** Throws DeltaError for the first thing that stands in the way, once all are told. */
export async function look(client: pg.Client, options: LookOptions, { env, tell }: Where): Promise<Looked> {
  const { target, name, patterns, plugin: asked, limitBytes } = options;
  const doctor = new Program('deltastream', ['doctor', ...target, '--slot', name, '--create-slot', '--tables', patterns, '--plugin', asked, '--json'], { env, tell: () => {} });
  const { plugin, findings } = JSON.parse(await doctor.printed()) as Doctor;
  const found = findings.filter(({ what }) => !OF_TABLES.test(what));
  for (const { severity, what, cure } of found) tell(`${severity}: ${what} — ${cure}`);
  const errors = found.filter(({ severity }) => severity === 'error').length;
  if (errors > 0) throw new DeltaError('config', `${placeOf(client)}: this Postgres cannot be followed yet`, { hint: errors === 1 ? found.find(({ severity }) => severity === 'error')?.cure : 'see the errors above, each with its cure' });
  const chosen = await chooseTried(client, patterns, plugin);
  tellLeftOut(chosen, tell);
  requireTryable(placeOf(client), chosen);
  requireSize(placeOf(client), chosen, limitBytes);
  return { ...chosen, plugin };
}

function tellLeftOut({ leftOut }: ChosenTables, tell: (text: string) => void): void {
  for (const { schema, table, reason, cure } of leftOut.slice(0, NAMED_LIMIT)) tell(`left out: ${schema}.${table}: ${reason}${cure === '' ? '' : ` — ${cure}`}`);
  if (leftOut.length > NAMED_LIMIT) tell(`left out: ${leftOut.length - NAMED_LIMIT} more tables, for such reasons`);
}

function requireSize(place: string, { tables }: ChosenTables, limitBytes: number): void {
  const bytes = tables.reduce((sum, table) => sum + table.bytes, 0);
  if (bytes > limitBytes) {
    const largest = [...tables].sort((a, b) => b.bytes - a.bytes).slice(0, 3).map((table) => `${table.schema}.${table.table} ${sizeText(table.bytes)}`);
    throw new DeltaError('config', `${place}: ${tables.length} tables of ${sizeText(bytes)} in all (${largest.join(', ')}${tables.length > 3 ? ', …' : ''}) are more than --limit ${sizeText(limitBytes).replace(' ', '')}; nothing was copied`, { hint: "choose some: --tables 'flights,sales.*', or raise --limit" });
  }
  requireRoom(bytes);
}
