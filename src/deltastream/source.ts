/** A Postgres that has been looked at and can be followed: the connections and what they said. */
import type pg from 'pg';
import { parseLsn, type Lsn } from '../daystream/lsn.js';
import { reconcileHint } from '../daystream/reconcile-hint.js';
import { DeltaError } from '../errors.js';
import { connect, placeOf } from '../postgres/connection.js';
import { mayPass, translate } from '../postgres/failure.js';
import { toError, type Finding } from '../postgres/finding.js';
import { preflight, type Preflight } from '../postgres/preflight.js';
import { preparePublication } from '../postgres/publication-change.js';
import { identifySystem, type Identity } from '../postgres/replication.js';
import { readSlotHealth, type SlotHealth } from '../postgres/slot-health.js';
import { PGOUTPUT, readerOf, type PluginName } from '../postgres/slot.js';
import { Beside } from './beside.js';
import { hasLog } from './folder.js';
import { makeSlot } from './make-slot.js';
import { makeTemporary, requireNew } from './temporary.js';
import type { StreamOptions } from './options.js';

export interface Source {
  readonly replication: pg.Client;
  readonly beside: Beside;
  readonly identity: Identity;
  /** `host:port/database`. */
  readonly place: string;
  /** What the slot has been told to forget. */
  readonly confirmedLsn: Lsn;
  /** As the slot was before it was read. */
  readonly health: SlotHealth;
  readonly plugin: PluginName;
  readonly warnings: readonly Finding[];
  close(): void;
}

export interface Examination extends Preflight {
  readonly sql: pg.Client;
  /** Undefined when the connection was refused; a finding says why. */
  readonly replication: pg.Client | undefined;
}

const NAME = { applicationName: 'deltastream' };

/** Connects in both ways and asks for everything that stands in the way. The caller ends the connections. */
export async function examine(options: Pick<StreamOptions, 'pg' | 'createSlot' | 'tables' | 'partitions' | 'plugin'> & { slot: string | undefined }): Promise<Examination> {
  const [plain, walsender] = await Promise.allSettled([connect(options.pg, NAME), connect(options.pg, { ...NAME, replication: true })]);
  const replication = walsender.status === 'fulfilled' ? walsender.value : undefined;
  if (plain.status === 'rejected') {
    void replication?.end();
    throw plain.reason;
  }
  const sql = plain.value;
  try {
    const replicationFailure = walsender.status === 'rejected' ? translate(walsender.reason, placeOf(sql)) : undefined;
    return { sql, replication, ...await preflight(sql, { ...options, replicationFailure }) };
  } catch (error) {
    end(sql, replication);
    throw error;
  }
}

/** Opens what `follow` needs. Throws the first reason against it; `tell` gets the others. Makes the slot where it is asked to and the log is new; `publishes` is called before a publication is made that goes with it. */
export async function openSource(options: StreamOptions, tell: (text: string) => void, publishes: () => void): Promise<Source> {
  const isTemporary = options.temporarySlot === true;
  if (isTemporary && hasLog(options.out)) throw requireNew(options.out);
  const createSlot = isTemporary || options.createSlot && !hasLog(options.out);
  const { sql, replication, findings, slot, plugin, because } = await examine({ ...options, createSlot });
  try {
    refuse(findings, options, tell);
    if (replication === undefined) throw new DeltaError('connection', `${placeOf(sql)}: no replication connection`);
    if (isTemporary) await makeTemporary(sql, replication, { ...options, plugin }, because, tell, publishes);
    else if (slot === undefined) await makeSource(sql, replication, { ...options, plugin }, because, tell);
    else if (slot.activePid !== null) {
      throw new DeltaError('busy', `slot "${slot.name}": is being read by ${readerOf(slot)}`, { hint: 'stop that process, or use another --slot' });
    }
    const [identity, health] = await Promise.all([identifySystem(replication), readSlotHealth(sql, options.slot)]);
    if (health?.confirmedFlushLsn == null) throw new DeltaError('slot', `slot "${options.slot}": has no position`, { hint: `deltastream doctor --slot ${options.slot}` });
    const beside = new Beside(options.pg, sql);
    return {
      replication,
      beside,
      identity,
      place: placeOf(sql),
      confirmedLsn: parseLsn(health.confirmedFlushLsn),
      health,
      plugin,
      warnings: findings.filter(({ severity }) => severity === 'warning'),
      close() {
        beside.close();
        end(replication);
      },
    };
  } catch (error) {
    end(sql, replication);
    throw error;
  }
}

/** The publication before the slot: what the slot decodes sees it. */
async function makeSource(sql: pg.Client, replication: pg.Client, { slot, tables, partitions, plugin, failover }: StreamOptions & { readonly plugin: PluginName }, because: string, tell: (text: string) => void): Promise<void> {
  tell(`plugin ${plugin}: ${because}`);
  if (plugin === PGOUTPUT && await preparePublication(sql, { name: slot, tables, partitions }, false)) tell(`made publication "${slot}"`);
  await makeSlot(sql, replication, slot, plugin, failover, tell);
}

function refuse(findings: readonly Finding[], options: StreamOptions, tell: (text: string) => void): void {
  const errors = findings.filter(({ severity }) => severity === 'error').map((finding) => explain(toError(finding), options));
  if (errors.length === 0) return;
  // One that stays decides over one that may pass.
  errors.sort((a, b) => Number(mayPass(b)) - Number(mayPass(a)));
  for (const error of errors.slice(0, -1)) tell(`${error.message} — ${error.hint}`);
  throw errors[errors.length - 1];
}

/** A slot that is gone, though the log it fed is there: a new one would begin too late. */
function explain(error: DeltaError, options: StreamOptions): DeltaError {
  if (error.hint === reconcileHint(options.slot)) return new DeltaError(error.code, error.message, { hint: reconcileHint(options.slot, options.out) });
  if (!error.message.endsWith('does not exist') || !hasLog(options.out)) return error;
  return new DeltaError('slot', `${error.message}, and ${options.out} holds its log: a new slot would begin later`, {
    hint: reconcileHint(options.slot, options.out),
  });
}

function end(...clients: (pg.Client | undefined)[]): void {
  for (const client of clients) client?.end().catch(() => {}); // it may be gone already
}
