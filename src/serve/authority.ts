/** Who may ask: the holder of the token; without one, whoever is on this machine and means this server. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isLocalName } from '../daystream/loopback.js';
import { refusal, type Refusal } from './refusal.js';

export interface Authority {
  readonly token: string | undefined;
  /** A page in a browser could reach a server on loopback by a name of its own that it lets point there. */
  readonly localHostsOnly: boolean;
}

/** Why a request is refused; undefined where it is not. */
export function refuseStranger({ token, localHostsOnly }: Authority, request: IncomingMessage): Refusal | undefined {
  if (token !== undefined && !shows(request.headers.authorization, token)) {
    return refusal(401, 'a token is wanted: Authorization: Bearer TOKEN', { 'WWW-Authenticate': 'Bearer realm="daystream"' });
  }
  if (token === undefined && localHostsOnly && !isLocalName((request.headers.host ?? '').replace(/:\d+$/, ''))) {
    return refusal(421, 'without a token this server is asked by a name of this machine alone, such as 127.0.0.1; serve with --token-file, or with --insecure');
  }
  return undefined;
}

/** Takes as long for a token that is nearly right as for any other, and tells no length: hashes are compared. */
function shows(header: string | undefined, token: string): boolean {
  const shown = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(shown), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
