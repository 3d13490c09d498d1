/** Making a slot waits for every transaction that runs: a word about whom it waits for. */
import type pg from 'pg';

const PATIENCE_MS = 3_000;
/** Should we die while it waits, the server notices and makes no slot that nobody knows of. */
const CHECK_CLIENT_MS = 2_000;

interface Oldest {
  readonly pid: number;
  readonly application: string;
  readonly state: string;
  readonly seconds: number;
}

/** Makes a slot; says whom it waits for. `other` is a second connection, free to ask while the first one waits. */
export async function whileWaiting<T>(client: pg.Client, other: pg.Client, slot: string, tell: (text: string) => void, make: () => Promise<T>): Promise<T> {
  await client.query(`set client_connection_check_interval = ${CHECK_CLIENT_MS}`).catch(() => {}); // not on every system
  const timer = setTimeout(() => void tellWhy(other, slot, tell), PATIENCE_MS);
  try {
    return await make();
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
