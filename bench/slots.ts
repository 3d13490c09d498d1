/** Slots that hold the same WAL: twins of one slot, each used once. */
import type pg from 'pg';

const POLL_MS = 5;

/** Makes the slot that the twins are copied from. What is committed from here on is in each of them. */
export async function makeSlot(client: pg.Client, name: string): Promise<void> {
  await client.query("select pg_create_logical_replication_slot($1, 'deltastream')", [name]);
}

/** True where the server has this plugin; from then on it takes it, also where it has a list of those that it takes. */
export async function allowPlugin(client: pg.Client, plugin: string): Promise<boolean> {
  const { rows: [list] } = await client.query<{ setting: string }>("select setting from pg_settings where name = 'output_plugin_libraries'");
  if (list !== undefined) {
    await client.query(`alter system set output_plugin_libraries = ${`${list.setting}, ${plugin}`.split(', ').map((name) => client.escapeLiteral(name)).join(', ')}`);
    await client.query('select pg_reload_conf()');
  }
  try {
    await client.query(`load ${client.escapeLiteral(plugin)}`);
    return true;
  } catch {
    return false;
  }
}

/** A copy of a slot, for any plugin. */
export async function twin(client: pg.Client, slot: string, name: string, plugin: string): Promise<string> {
  await client.query('select pg_copy_logical_replication_slot($1, $2, false, $3)', [slot, name, plugin]);
  return name;
}

/** When the process that sent from it has noticed that nobody listens any more. */
export async function dropSlot(client: pg.Client, name: string): Promise<void> {
  await until(client, `exists (select from pg_replication_slots where slot_name = ${client.escapeLiteral(name)} and not active)`);
  await client.query('select pg_drop_replication_slot($1)', [name]);
}

/** Where the WAL ends now. */
export async function walEnd(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
  return rows[0].lsn;
}

/** Waits until more than `lsn` is confirmed. The server itself looks: asked from here every few milliseconds it would have less time for what is measured. */
export async function confirmed(client: pg.Client, slot: string, lsn: string): Promise<void> {
  await until(client, `exists (select from pg_replication_slots where slot_name = ${client.escapeLiteral(slot)} and confirmed_flush_lsn > ${client.escapeLiteral(lsn)}::pg_lsn)`);
}

/** Waits until more than `lsn` is decoded and sent to whoever follows the slot, as the process that sends says. */
export async function sent(client: pg.Client, slot: string, lsn: string): Promise<void> {
  await until(client, `exists (select from pg_replication_slots s join pg_stat_get_wal_senders() w on w.pid = s.active_pid where slot_name = ${client.escapeLiteral(slot)} and w.sent_lsn > ${client.escapeLiteral(lsn)}::pg_lsn)`);
}

async function until(client: pg.Client, condition: string): Promise<void> {
  await client.query(`do $$ begin while not ${condition} loop perform pg_sleep(${POLL_MS / 1000}); end loop; end $$`);
}
