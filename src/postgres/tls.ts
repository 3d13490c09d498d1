/**
 * TLS by libpq's words. `pg` takes sslmode=require for verify-full and knows no prefer;
 * whoever connects with psql expects the same words to mean the same here, so they are
 * read here. Source: PostgreSQL documentation, "SSL Support", table of sslmode.
 */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { DeltaError, reasonOf } from '../errors.js';

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'] as const;
type Mode = (typeof MODES)[number];

/** `pg`'s ssl setting: false is a plain connection. */
export type Tls = false | ConnectionOptions;

/** The settings to try, in order; `prefer` is TLS where the server has it, plain where it has not. */
export function tlsAttempts(parameters: URLSearchParams): readonly Tls[] {
  const mode = readMode(parameters.get('sslmode') ?? process.env.PGSSLMODE ?? 'prefer');
  if (mode === 'disable' || mode === 'allow') return [false];
  const options = readOptions(parameters, mode);
  return mode === 'prefer' ? [options, false] : [options];
}

function readMode(text: string): Mode {
  const mode = MODES.find((known) => known === text);
  if (mode === undefined) {
    throw new DeltaError('usage', `sslmode: '${text}' is not one`, { hint: `use ${MODES.join(', ')}` });
  }
  return mode;
}

function readOptions(parameters: URLSearchParams, mode: Mode): ConnectionOptions {
  const file = (name: string) => {
    const path = parameters.get(name) ?? process.env[`PG${name.toUpperCase()}`];
    return path === undefined || path === 'system' ? undefined : readPem(name, path);
  };
  const ca = file('sslrootcert');
  const verify = mode === 'verify-ca' || mode === 'verify-full' || (mode === 'require' && ca !== undefined);
  return {
    ca,
    cert: file('sslcert'),
    key: file('sslkey'),
    rejectUnauthorized: verify,
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
}

function readPem(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new DeltaError('config', `${name}: ${reasonOf(cause)}`, { hint: `give ${name} a file that can be read`, cause });
  }
}
