/**
 * What Postgres, the network and TLS say, as one DeltaError with a cure. The code tells
 * whether waiting helps: `connection` and `busy` may pass, every other one stays until
 * somebody acts. SQLSTATEs: PostgreSQL documentation, appendix "Error Codes".
 */
import { DeltaError, reasonOf, type ErrorCode } from '../errors.js';

interface Rule {
  readonly when: RegExp;
  readonly code: ErrorCode;
  readonly hint?: string;
}

/** The first rule whose pattern matches `CODE message` decides. */
const RULES: readonly Rule[] = [
  // The network
  { when: /^ECONNREFUSED/, code: 'connection', hint: 'is Postgres running there? try pg_isready with the same host and port' },
  { when: /^(ENOTFOUND|EAI_AGAIN)/, code: 'connection', hint: 'check the host name' },
  { when: /^ENOENT/, code: 'connection', hint: 'check the socket folder: show unix_socket_directories' },
  { when: /timeout expired|^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)/, code: 'connection', hint: 'check the host, the port and the firewall' },
  { when: /^(ECONNRESET|EPIPE)|Connection terminated|not queryable|Query read timeout/, code: 'connection' },
  // TLS
  { when: /does not support SSL/, code: 'config', hint: 'use sslmode=prefer, or set ssl = on in the server' },
  { when: /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|^ERR_(SSL|TLS)/, code: 'config', hint: 'give sslrootcert=FILE of the authority that signed the server\'s certificate' },
  // A pooler in between
  { when: /^08P01 .*startup parameter/, code: 'config', hint: 'a connection pooler answers there; give --pg the address of Postgres itself' },
  // Who and what
  { when: /^28P01/, code: 'config', hint: 'check the user and the password (PGPASSWORD or ~/.pgpass)' },
  { when: /^28000 .*no encryption/, code: 'config', hint: 'use sslmode=require, or add a line for this user to pg_hba.conf and select pg_reload_conf()' },
  { when: /^28000/, code: 'config', hint: 'check that the role exists and pg_hba.conf lets it in' },
  { when: /^3D000/, code: 'config', hint: 'check the database name: psql -l' },
  { when: /^42501 .*output plugin/, code: 'config', hint: 'add deltastream to output_plugin_libraries and select pg_reload_conf()' },
  { when: /^42501 .*replication/, code: 'config', hint: 'give the role the right: ALTER ROLE … REPLICATION' },
  { when: /^25006/, code: 'config', hint: 'run it as a role, and in a database, without default_transaction_read_only, and on the primary' },
  // The plugin and the slot
  { when: /^58P01 .*could not access file/, code: 'config', hint: 'install the plugin on the server: make -C plugin-c && make -C plugin-c install' },
  { when: /^55006/, code: 'busy', hint: 'stop that process, or use another --slot' },
  { when: /^42704 .*publication/, code: 'slot', hint: 'deltastream doctor --slot SLOT tells more' },
  { when: /^42704 .*slot/, code: 'slot', hint: 'deltastream --create-slot makes it' },
  { when: /^53300 .*max_wal_senders/, code: 'connection', hint: 'ALTER SYSTEM SET max_wal_senders = 20; and restart Postgres, or end a replication connection that nobody needs' },
  { when: /^53400 .*slots/, code: 'config', hint: 'raise max_replication_slots and restart Postgres, or drop a slot that nobody uses' },
  { when: /^55000|^58P01/, code: 'slot', hint: 'deltastream doctor --slot SLOT tells more' },
  { when: /^53200 .*shared memory/, code: 'config', hint: 'ALTER SYSTEM SET max_locks_per_transaction = 1024; and restart Postgres' },
  // It passes: connection errors, too many of something, a shutdown, a standby's conflict, a snapshot too old
  { when: /^(08|40|53|57|72)/, code: 'connection' },
];

/** Makes one DeltaError of whatever a query or a connection threw. `place` begins its message. */
export function translate(thrown: unknown, place: string): DeltaError {
  if (thrown instanceof DeltaError) return thrown;
  const reason = reasonOf(firstOf(thrown)).replace(/\.$/, '');
  const code = codeOf(firstOf(thrown));
  const rule = RULES.find(({ when }) => when.test(`${code} ${reason}`));
  return new DeltaError(rule?.code ?? 'postgres', `${place}: ${reason}`, { hint: rule?.hint, cause: thrown });
}

/** True when trying again may help. */
export function mayPass(error: DeltaError): boolean {
  return error.code === 'connection' || error.code === 'busy';
}

/** The SQLSTATE or the errno's name; empty when there is none. */
export function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
}

/** A host name with several addresses fails with one error for each. */
function firstOf(thrown: unknown): unknown {
  return thrown instanceof AggregateError && thrown.errors.length > 0 ? thrown.errors[0] : thrown;
}
