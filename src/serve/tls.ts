/** The certificate: read at the start, and again when its file was renewed. */
import { readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:https';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { DeltaError, reasonOf } from '../errors.js';

/** A certificate is renewed days before it ends. */
const LOOK_MS = 60_000;

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** Throws DeltaError config where the files cannot be read or do not belong together. */
export function readTls({ cert, key }: TlsFiles): SecureContextOptions {
  try {
    const options = { cert: readFileSync(cert), key: readFileSync(key) };
    createSecureContext(options);
    return options;
  } catch (cause) {
    throw new DeltaError('config', `${cert}, ${key}: no certificate and its key: ${reasonOf(cause)}`, { hint: 'give --tls-cert the certificate with its chain and --tls-key its key, both PEM', cause });
  }
}

/** Takes over a renewed certificate for new connections; one that cannot be used is told, and the one before stays. Gives what ends it. */
export function followTls(server: Server, files: TlsFiles, tell: (text: string) => void): () => void {
  let known = changedMs(files);
  const timer = setInterval(() => {
    const now = changedMs(files);
    if (now === known) return;
    known = now;
    try {
      server.setSecureContext(readTls(files));
      tell(`${files.cert}: renewed`);
    } catch (error) {
      tell(reasonOf(error));
    }
  }, LOOK_MS);
  return () => clearInterval(timer);
}

function changedMs({ cert, key }: TlsFiles): number {
  return [cert, key].reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0), 0);
}
