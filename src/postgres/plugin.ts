/**
 * Whether the server has our plugin and lets it be used. Three ways to know, since no one of them
 * is open to every role: the setting is hidden from all but superusers, LOAD is theirs alone, and
 * a slot says it to everybody, but has to be made for it.
 */
import type pg from 'pg';
import { reasonOf } from '../errors.js';
import { codeOf } from './failure.js';
import { errorFinding, type Finding } from './finding.js';
import { PLUGIN } from './slot.js';

/** Making a slot waits for running transactions; by then the plugin has been loaded. */
const PROBE_TIMEOUT_MS = 2_000;

/** The findings about the plugin. A probing slot is made only when `mayProbe` and nothing cheaper can tell. */
export async function pluginFindings(client: pg.Client, mayProbe: boolean): Promise<Finding[]> {
  const list = await client.query<{ setting: string; context: string }>(
    "select setting, context from pg_catalog.pg_settings where name = 'output_plugin_libraries'");
  const listed = list.rows.length === 0 ? [] : listFindings(list.rows[0].setting, list.rows[0].context);
  const load = await attempt(client, `load '${PLUGIN}'`);
  if (codeOf(load) !== '42501') return load === undefined ? listed : [...listed, loadFinding(load)];
  return mayProbe ? probe(client) : listed;
}

function listFindings(setting: string, context: string): Finding[] {
  const names = setting.split(',').map((name) => name.trim().replace(/^"(.*)"$/, '$1')).filter((name) => name !== '');
  return names.includes(PLUGIN) ? [] : [notListed([...names, PLUGIN], context)];
}

function notListed(names: readonly string[], context: string): Finding {
  const list = names.map((name) => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name}"`)).join(', ');
  const then = context === 'postmaster' ? 'and restart Postgres' : 'SELECT pg_reload_conf();';
  return errorFinding('config', `output_plugin_libraries: ${PLUGIN} is not in the list of allowed plugins`, `ALTER SYSTEM SET output_plugin_libraries = ${list}; ${then}`);
}

function loadFinding(error: Error): Finding {
  const missing = codeOf(error) === '58P01' && /No such file/.test(error.message);
  return missing
    ? errorFinding('config', `plugin ${PLUGIN}: not installed on the server (${reasonOf(error)})`, 'on the server: make -C plugin-c && make -C plugin-c install')
    : errorFinding('config', `plugin ${PLUGIN}: cannot be loaded: ${reasonOf(error)}`, 'build it for this Postgres: make -C plugin-c clean all install PG_CONFIG=…');
}

/** A temporary slot, gone at once. Its name says whose it is, should anybody see it. */
async function probe(client: pg.Client): Promise<Finding[]> {
  const name = `deltastream_probe_${process.pid}`;
  await client.query("select set_config('statement_timeout', $1, false)", [String(PROBE_TIMEOUT_MS)]);
  const error = await attempt(client, `select pg_create_logical_replication_slot('${name}', '${PLUGIN}', true)`);
  await client.query("select set_config('statement_timeout', '0', false)");
  if (error === undefined) await client.query(`select pg_drop_replication_slot('${name}')`);
  if (codeOf(error) === '58P01') return [loadFinding(error as Error)];
  if (codeOf(error) === '42501' && /output plugin/.test((error as Error).message)) return [notListed(['pgoutput', 'test_decoding', PLUGIN], 'superuser')];
  return [];
}

async function attempt(client: pg.Client, sql: string): Promise<Error | undefined> {
  try {
    await client.query(sql);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
