/** The event triggers of `deltastream setup`: installed, removed, and whether they are there. */
import type pg from 'pg';
import { DeltaError, reasonOf } from '../errors.js';
import { placeOf } from './connection.js';
import { codeOf, translate } from './failure.js';
import { FOREIGN_SCHEMA, INSTALL, NAMES, REMOVE, TAKE_OVER, TRIGGERS_VERSION } from './triggers-sql.js';
import { SCHEMA } from './triggers-secret.js';

/** `other`: some are missing or switched off, or another version installed them. */
export type TriggersState = 'installed' | 'absent' | 'other';

const NO_RIGHT = '42501';

export async function readTriggers(client: pg.Client): Promise<TriggersState> {
  const { rows: [{ firing, present, version }] } = await client.query<{ firing: number; present: number; version: number | null }>(STATE);
  if (firing === NAMES.length && version === TRIGGERS_VERSION) return 'installed';
  return present === 0 ? 'absent' : 'other';
}

/** Installs them, or makes them anew; false where the role may not. Throws DeltaError where it fails otherwise. */
export function installTriggers(client: pg.Client): Promise<boolean> {
  return inTransaction(client, INSTALL);
}

/** Removes them and all that came with them; false where the role may not. Throws DeltaError where it fails otherwise. */
export function removeTriggers(client: pg.Client): Promise<boolean> {
  return inTransaction(client, REMOVE);
}

async function inTransaction(client: pg.Client, script: string): Promise<boolean> {
  try {
    await client.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtext('${SCHEMA} setup')); ${script} COMMIT`);
    return true;
  } catch (cause) {
    await client.query('ROLLBACK');
    if (codeOf(cause) === NO_RIGHT) return false;
    if (codeOf(cause) === FOREIGN_SCHEMA) throw new DeltaError('config', `${placeOf(client)}: ${reasonOf(cause)}`, { hint: TAKE_OVER, cause });
    throw translate(cause, placeOf(client));
  }
}

const STATE = `
  select count(*)::int as present, (count(*) filter (where evtenabled in ('O', 'A')))::int as firing,
         (select substring(obj_description(oid, 'pg_namespace') from 'made by deltastream setup, version (\\d+)')::int
            from pg_catalog.pg_namespace where nspname = '${SCHEMA}') as version
    from pg_catalog.pg_event_trigger where evtname in (${NAMES.map((name) => `'deltastream_${name}'`).join(', ')})`;
