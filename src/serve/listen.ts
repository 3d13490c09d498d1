/** Where to listen, and whether that is safe. */
import { lookup } from 'node:dns/promises';
import { isLoopback } from '../daystream/loopback.js';
import { DeltaError, reasonOf } from '../errors.js';

/** The address that a host's name stands for, so that what is judged is what is listened on. Throws DeltaError config. */
export async function addressOf(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    throw new DeltaError('config', `--listen ${host}: ${reasonOf(cause)}`, { hint: 'give an address of this machine, like 127.0.0.1:7070', cause });
  }
}

/** Throws DeltaError usage where anybody could read the log: beyond this machine only what is encrypted and asks for a token. */
export function requireSafe(ip: string, given: { readonly token: boolean; readonly tls: boolean; readonly insecure: boolean }): void {
  if (isLoopback(ip) || given.insecure || (given.token && given.tls)) return;
  const lacks = [...(given.token ? [] : ['a token']), ...(given.tls ? [] : ['TLS'])].join(' and ');
  throw new DeltaError('usage', `--listen ${ip}: is not loopback, and without ${lacks} others could read the log`, {
    hint: 'give --token-file, --tls-cert and --tls-key, or --insecure where the network is trusted',
  });
}
