/** Where to connect: a URL, or what the PG* environment says. */
import { DeltaError } from '../errors.js';

/** The URL without its TLS words (they mean different things to `pg`), and those words. */
export interface Target {
  readonly url: string | undefined;
  readonly parameters: URLSearchParams;
}

const TLS_WORDS = ['sslmode', 'sslcert', 'sslkey', 'sslrootcert'];

/**
 * Reads `--pg`. Throws DeltaError `usage` for anything that is not one Postgres URL. Neither the
 * URL nor a part of it is ever repeated: a password with an unescaped `/` or `#` ends up in the
 * host, the port or the database of what a URL parser makes of it.
 */
export function readTarget(text: string | undefined, place = '--pg'): Target {
  if (text === undefined) {
    const port = process.env.PGPORT;
    if (port !== undefined && port !== '' && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) {
      throw new DeltaError('usage', 'PGPORT: not a port', { hint: 'write a number from 1 to 65535, or unset it' });
    }
    return { url: undefined, parameters: new URLSearchParams() };
  }
  const match = /^(postgres(?:ql)?:\/\/[^/?#\s]*(?:\/[^@?#]*)?)(?:\?([^@#]*))?$/.exec(text);
  if (match === null || !isUrl(match[1])) {
    throw new DeltaError('usage', `${place}: not a Postgres URL`, {
      hint: 'write it like postgres://user@host:5432/database, with / ? # @ : in a password as %2F %3F %23 %40 %3A',
    });
  }
  const parameters = new URLSearchParams(match[2]);
  const rest = new URLSearchParams(match[2]);
  for (const word of TLS_WORDS) rest.delete(word);
  return { url: rest.size === 0 ? match[1] : `${match[1]}?${rest}`, parameters };
}

function isUrl(text: string): boolean {
  if (/%(?![0-9a-f]{2})/i.test(text)) return false;
  return URL.canParse(text) || URL.canParse(text.replace('@/', '@socket/'));
}

export interface OpenTarget {
  readonly url: string | undefined;
  /** Undefined where none was given. */
  readonly password: string | undefined;
}

/** A URL apart from its password, which whoever lists processes is not to see. Throws DeltaError `usage` as `readTarget`. */
export function withoutPassword(text: string | undefined): OpenTarget {
  readTarget(text);
  if (text === undefined) return { url: undefined, password: undefined };
  const [, start, user, quoted, place, query = ''] = PARTS.exec(text)!;
  const parameters = new URLSearchParams(query);
  const password = parameters.getAll('password').at(-1) ?? (quoted === undefined ? undefined : decodeURIComponent(quoted));
  parameters.delete('password');
  const rest = parameters.toString();
  return { url: `${start}${user === undefined ? '' : `${user}@`}${place}${rest === '' ? '' : `?${rest}`}`, password };
}

/** Scheme, user, password, host with port and database, parameters. */
const PARTS = /^(postgres(?:ql)?:\/\/)(?:([^:/?]*)(?::([^/?]*))?@)?([^?]*)(?:\?(.*))?$/;
