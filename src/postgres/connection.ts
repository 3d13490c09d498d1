/**
 * Connections to Postgres. Every value that is read over one of them is printed by the same
 * rules, whatever the role, the database or the client's environment is set to (design: values
 * do not depend on session or role settings).
 */
import { userInfo } from 'node:os';
import pg from 'pg';
import { DeltaError } from '../errors.js';
import { translate } from './failure.js';
import { passwordFromFile } from './passfile.js';
import { readTarget } from './target.js';
import { tlsAttempts, type Tls } from './tls.js';

const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_IDLE_MS = 30_000;

/** What decides how Postgres prints a value, and what a bare name means. The plugin pins the same. */
export const PINNED_SETTINGS: Readonly<Record<string, string>> = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  lc_monetary: 'C',
  search_path: 'pg_catalog',
  quote_all_identifiers: 'off',
  xmlbinary: 'base64',
  client_encoding: 'UTF8',
};

export interface ConnectOptions {
  /** The program's name, for pg_stat_activity; PGAPPNAME and the URL go before it. */
  readonly applicationName: string;
  /** True: a connection that speaks the replication protocol of its database. */
  readonly replication?: boolean;
}

/** Throws DeltaError `usage` where no connection could be tried: before anything is made for it. `place`: what the user gave it as. */
export function checkTarget(target: string | undefined, place?: string): void {
  tlsAttempts(readTarget(target, place).parameters);
}

/**
 * Connects to a URL, or to what the PG* environment and the password file say. Throws DeltaError
 * `usage` (a bad URL), `connection` (waiting may cure it), `config` or `postgres` (it will not).
 */
export async function connect(target: string | undefined, options: ConnectOptions): Promise<pg.Client> {
  const { url, parameters } = readTarget(target);
  const attempts = tlsAttempts(parameters);
  for (const [index, tls] of attempts.entries()) {
    const client = newClient(url, tls, options);
    try {
      await client.connect();
      if (options.replication !== true) await pinSettings(client);
      return client;
    } catch (cause) {
      client.end().catch(() => {}); // it never was open
      if (index + 1 < attempts.length && isTlsRefused(cause)) continue;
      throw cause instanceof DeltaError ? cause : translate(cause, placeOf(client));
    }
  }
  throw new DeltaError('connection', 'no way to connect is left');
}

/** Whom a client talks to, without a password: `db.example:5432/app`. */
export function placeOf(client: pg.Client): string {
  const host = client.host.includes(':') ? `[${client.host}]` : client.host;
  return `${host}:${client.port}/${client.database ?? ''}`;
}

function newClient(url: string | undefined, tls: Tls, options: ConnectOptions): pg.Client {
  process.env.PGUSER ??= userInfo().username; // pg asks $USER, which a service does not have
  const client = new pg.Client({
    ...(url === undefined ? {} : { connectionString: url }),
    ssl: tls,
    fallback_application_name: options.applicationName,
    connectionTimeoutMillis: Number(process.env.PGCONNECT_TIMEOUT ?? 0) * 1000 || CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_IDLE_MS,
    ...(options.replication === true ? { replication: 'database' } : {}),
  });
  client.on('error', () => {}); // the query under way, or the next one, tells
  if (!client.password) Object.assign(client, { password: () => readPassword(client) });
  return client;
}

/** Called only when the server asks for a password and none is given. */
function readPassword(client: pg.Client): string {
  const password = passwordFromFile(client.host, client.port, client.database ?? '', client.user ?? '');
  if (password !== undefined) return password;
  throw new DeltaError('config', `${placeOf(client)}: wants a password for user "${client.user}" and none is given`, {
    hint: 'set PGPASSWORD, or add a line host:port:database:user:password to ~/.pgpass (chmod 600)',
  });
}

/** By SQL, not as startup parameters: poolers refuse those. */
export async function pinSettings(client: pg.Client): Promise<void> {
  const calls = Object.entries(PINNED_SETTINGS).map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', false)`);
  await client.query(`select ${calls.join(', ')}`);
}

function isTlsRefused(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.message === 'The server does not support SSL connections';
}
