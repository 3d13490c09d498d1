/**
 * Every reason why this Postgres cannot be followed, all at once, each with its cure. Nothing is
 * changed on the server (plugin.ts says what its last resort is).
 */
import type pg from 'pg';
import type { Following } from '../daystream/following.js';
import { reconcileHint } from '../daystream/reconcile-hint.js';
import type { DeltaError } from '../errors.js';
import { placeOf } from './connection.js';
import { codeOf, translate } from './failure.js';
import { errorFinding, findingOf, warning, type Finding } from './finding.js';
import { pluginFindings } from './plugin.js';
import { publicationFindings } from './publication-check.js';
import { PGOUTPUT, PLUGIN, readerOf, readSlot, type PluginChoice, type PluginName, type Slot } from './slot.js';
import { tableFindings } from './tables.js';

/** PostgreSQL 16 was the first that decodes on a standby. */
const STANDBY_DECODES_SINCE = 160_000;

// What pgoutput leaves out of a schema change is asked of the catalog, and a standby does not tell which transactions
// of it still run; nor can what only a comparison finds be told through its WAL.
const NO_PGOUTPUT_THERE = errorFinding('config', 'server: is a standby, where schema changes cannot be followed with pgoutput', 'give --pg the address of the primary; or install the plugin there: make -C plugin-c install');

/** With the tables whose rows will be asked for. */
export interface PreflightRequest extends Following {
  /** The slot to read; undefined when none is chosen yet. */
  readonly slot: string | undefined;
  /** True: a slot that is not there will be made. */
  readonly createSlot: boolean;
  readonly plugin: PluginChoice;
  /** Why a replication connection could not be made, where it could not. */
  readonly replicationFailure: DeltaError | undefined;
}

interface Facts {
  readonly walLevel: string;
  readonly maxSlots: number;
  readonly slots: number;
  readonly role: string;
  readonly mayReplicate: boolean;
  readonly inRecovery: boolean;
  readonly version: number;
  readonly database: string;
  readonly backendPid: number;
}

export interface Preflight {
  readonly findings: Finding[];
  /** As it was found; undefined where there is none, or none is chosen. */
  readonly slot: Slot | undefined;
  readonly plugin: PluginName;
  /** In words, why this plugin. */
  readonly because: string;
}

/** Throws DeltaError only when the questions themselves fail. */
export async function preflight(client: pg.Client, request: PreflightRequest): Promise<Preflight> {
  try {
    const facts = (await client.query<Facts>(FACTS)).rows[0];
    const slot = request.slot === undefined ? undefined : await readSlot(client, request.slot);
    const server = [...connectionFindings(client, facts, request.replicationFailure), ...serverFindings(facts)];
    const room = slot === undefined ? roomFindings(facts) : [];
    const mayProbe = slot === undefined && server.length + room.length === 0;
    const ours = givenPlugin(request, slot) === PGOUTPUT ? [] : await pluginFindings(client, mayProbe);
    const { plugin, because } = choosePlugin(request, slot, ours);
    const findings = [
      ...server,
      ...room,
      ...(plugin === PLUGIN ? ours : []),
      ...(plugin === PGOUTPUT && facts.inRecovery && facts.version >= STANDBY_DECODES_SINCE ? [NO_PGOUTPUT_THERE] : []),
      ...slotFindings(request, slot, facts),
      ...(await tableFindings(client, request, plugin)),
      ...(plugin === PGOUTPUT ? await publicationFindings(client, { ...request, hasSlot: slot !== undefined }) : []),
    ];
    return { findings, slot, plugin, because };
  } catch (cause) {
    throw translate(cause, placeOf(client));
  }
}

/** What the slot has decides over what is asked; slotFindings says where the two differ. Undefined where neither tells. */
function givenPlugin({ plugin }: PreflightRequest, slot: Slot | undefined): PluginName | undefined {
  const name = slot?.plugin ?? plugin;
  return name === PLUGIN || name === PGOUTPUT ? name : undefined;
}

function choosePlugin(request: PreflightRequest, slot: Slot | undefined, ours: readonly Finding[]): Pick<Preflight, 'plugin' | 'because'> {
  const given = givenPlugin(request, slot);
  if (given !== undefined) return { plugin: given, because: slot === undefined ? 'as --plugin says' : `slot "${slot.name}" was made with it` };
  if (ours.length === 0) return { plugin: PLUGIN, because: 'the server has it' };
  return { plugin: PGOUTPUT, because: `${PLUGIN} cannot be used: ${ours[0].what}` };
}

/**
 * Behind a pooler the process that answers is not the one that the greeting named. Some poolers
 * pass replication on to a connection of its own, and then the way is only longer.
 */
function connectionFindings(client: pg.Client, facts: Facts, failure: DeltaError | undefined): Finding[] {
  const greeted = 'processID' in client ? client.processID : facts.backendPid;
  if (greeted !== facts.backendPid) {
    const what = `${placeOf(client)}: a connection pooler answers there, not Postgres`;
    const cure = 'give --pg the address of Postgres itself';
    return [failure === undefined ? warning('config', what, cure) : errorFinding('config', `${what}: ${failure.message}`, cure)];
  }
  // The missing right is named from the catalog.
  if (failure === undefined || codeOf(failure.cause) === '42501') return [];
  return [findingOf(failure)];
}

function serverFindings(facts: Facts): Finding[] {
  const findings: Finding[] = [];
  if (facts.walLevel !== 'logical') {
    findings.push(errorFinding('config', `wal_level: is ${facts.walLevel}, decoding needs logical`, 'ALTER SYSTEM SET wal_level = logical; and restart Postgres'));
  }
  if (!facts.mayReplicate) {
    findings.push(errorFinding('config', `role "${facts.role}": has no right to replicate`, `ALTER ROLE "${facts.role}" REPLICATION;`));
  }
  if (facts.inRecovery && facts.version < STANDBY_DECODES_SINCE) {
    findings.push(errorFinding('config', 'server: is a standby, and decodes only since PostgreSQL 16', 'give --pg the address of the primary'));
  } else if (facts.inRecovery) {
    findings.push(warning('config', 'server: is a standby; a new slot waits for the primary\'s next running-transactions record', 'on the primary: SELECT pg_log_standby_snapshot();'));
  }
  return findings;
}

function roomFindings(facts: Facts): Finding[] {
  if (facts.slots < facts.maxSlots) return [];
  return [errorFinding('config', `max_replication_slots: all ${facts.maxSlots} are in use`, `ALTER SYSTEM SET max_replication_slots = ${facts.maxSlots + 5}; and restart Postgres, or drop a slot that nobody reads`)];
}

function slotFindings(request: PreflightRequest, slot: Slot | undefined, facts: Facts): Finding[] {
  const { slot: name, createSlot, plugin } = request;
  if (name === undefined) return [];
  if (slot === undefined) {
    return createSlot ? [] : [errorFinding('slot', `slot "${name}": does not exist`, `deltastream --slot ${name} --create-slot …`)];
  }
  if (slot.plugin === null) return [errorFinding('slot', `slot "${name}": is a physical slot`, 'choose another --slot')];
  const findings: Finding[] = [];
  if (slot.plugin !== PLUGIN && slot.plugin !== PGOUTPUT) {
    findings.push(errorFinding('slot', `slot "${name}": belongs to the plugin ${slot.plugin}`, 'choose another --slot'));
  } else if (plugin !== 'auto' && plugin !== slot.plugin) {
    findings.push(errorFinding('slot', `slot "${name}": was made with the plugin ${slot.plugin}, --plugin says ${plugin}`, 'leave out --plugin, or choose another --slot'));
  }
  if (slot.database !== facts.database) {
    findings.push(errorFinding('slot', `slot "${name}": belongs to database "${slot.database}", this one is "${facts.database}"`, `connect to "${slot.database}", or choose another --slot`));
  }
  if (slot.temporary) {
    findings.push(errorFinding('slot', `slot "${name}": is temporary, it goes with the session that made it`, 'choose another --slot'));
  }
  if (slot.walStatus === 'lost' || slot.invalidationReason !== null) {
    findings.push(errorFinding('slot', `slot "${name}": is lost (${slot.invalidationReason ?? 'its WAL was removed'}), changes are missing for good`, reconcileHint(name)));
  }
  if (slot.activePid !== null) {
    findings.push(warning('busy', `slot "${name}": is being read by ${readerOf(slot)}`, 'stop that process before another reads the slot'));
  }
  return findings;
}

const FACTS = `
  select current_setting('wal_level') as "walLevel", current_setting('max_replication_slots')::int as "maxSlots",
         (select count(*)::int from pg_catalog.pg_replication_slots) as slots,
         r.rolname as role, r.rolsuper or r.rolreplication as "mayReplicate",
         pg_is_in_recovery() as "inRecovery", current_setting('server_version_num')::int as version,
         current_database() as database, pg_backend_pid() as "backendPid"
    from pg_catalog.pg_roles r where r.rolname = current_user`;
