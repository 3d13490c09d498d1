/** Making the slot, which waits for every transaction that runs, with a word about whom it waits for. */
import type pg from 'pg';
import { createSlot, createTemporarySlot, knowsFailover, type PluginName } from '../postgres/slot.js';
import { removal } from './health-words.js';

const PATIENCE_MS = 3_000;
/** Should we die while it waits, the server notices and makes no slot that nobody knows of. */
const CHECK_CLIENT_MS = 2_000;

interface Oldest {
  readonly pid: number;
  readonly application: string;
  readonly state: string;
  readonly seconds: number;
}

/** `other` is a second connection, free to ask while the first one waits. */
export async function makeSlot(client: pg.Client, other: pg.Client, slot: string, plugin: PluginName, failover: boolean, tell: (text: string) => void): Promise<void> {
  await telling(client, other, slot, tell, async () => {
    const copied = failover && await knowsFailover(client);
    await createSlot(client, slot, plugin, copied);
    tell(`made slot "${slot}"${copied ? ', a failover slot' : ''}; when it is no longer wanted: ${removal(slot)}`);
  });
}

/** Of the connection that will read it: the slot goes with that one. */
export async function makeTemporarySlot(replication: pg.Client, other: pg.Client, slot: string, plugin: PluginName, tell: (text: string) => void): Promise<void> {
  await telling(replication, other, slot, tell, () => createTemporarySlot(replication, slot, plugin));
  tell(`made slot "${slot}", which goes with this process`);
}

async function telling(client: pg.Client, other: pg.Client, slot: string, tell: (text: string) => void, make: () => Promise<void>): Promise<void> {
  await client.query(`set client_connection_check_interval = ${CHECK_CLIENT_MS}`).catch(() => {}); // not on every system
  const timer = setTimeout(() => void tellWhy(other, slot, tell), PATIENCE_MS);
  try {
    await make();
  } finally {
    clearTimeout(timer);
  }
}

async function tellWhy(client: pg.Client, slot: string, tell: (text: string) => void): Promise<void> {
  const { rows: [oldest] } = await client.query<Oldest>(OLDEST).catch(() => ({ rows: [] }));
  const whom = oldest === undefined ? 'a running transaction' : `pid ${oldest.pid} (${oldest.application || 'unknown program'}, ${oldest.state}, a transaction of ${oldest.seconds} s)`;
  tell(`slot "${slot}": is being made, and waits for ${whom} to end`);
}

const OLDEST = `
  select pid, application_name as application, coalesce(state, 'state unknown') as state,
         extract(epoch from clock_timestamp() - xact_start)::int as seconds
    from pg_catalog.pg_stat_activity
   where backend_xid is not null and pid <> pg_backend_pid()
   order by xact_start limit 1`;
