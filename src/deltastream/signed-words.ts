/**
 * Control messages that say what is so, not what to look at: only those count that bear a mac by a
 * secret which whoever may merely connect does not know. The watch has one in the log's folder, the
 * event triggers one in the database. It binds the text to its transaction: copied into another one
 * it says nothing.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { openSync, closeSync, fsyncSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DeltaError, reasonOf } from '../errors.js';
import { SIGNED } from '../postgres/triggers-secret.js';

export const KEY_FILE = '.words.key';
const KEY_BYTES = 32;
const MAC_CHARACTERS = 64;

/** Nested, so that nobody can lengthen what was signed: the event triggers do the same in SQL. */
export function sign(secret: Buffer, xid: bigint, text: string): string {
  return `${SIGNED}${macOf(secret, xid, text).toString('hex')} ${text}`;
}

export function isSigned(text: string): boolean {
  return text.startsWith(SIGNED);
}

/** The text that was signed with one of the secrets in this transaction; undefined where none was. */
export function openSigned(text: string, xid: bigint, secrets: readonly Buffer[]): string | undefined {
  if (!isSigned(text)) return undefined;
  const mac = Buffer.from(text.slice(SIGNED.length, SIGNED.length + MAC_CHARACTERS), 'hex');
  const said = text.slice(SIGNED.length + MAC_CHARACTERS + 1);
  return secrets.some((secret) => isSame(mac, macOf(secret, xid, said))) ? said : undefined;
}

/** The watch's secret, made where there is none. Throws DeltaError `io`. */
export function readWordsKey(folder: string): Buffer {
  const path = join(folder, KEY_FILE);
  try {
    return readOrUndefined(path) ?? makeKey(path);
  } catch (cause) {
    throw new DeltaError('io', `${path}: ${reasonOf(cause)}`, { cause });
  }
}

function readOrUndefined(path: string): Buffer | undefined {
  try {
    const key = readFileSync(path);
    return key.length === KEY_BYTES ? key : undefined;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}

function makeKey(path: string): Buffer {
  const key = randomBytes(KEY_BYTES);
  const file = openSync(`${path}.new`, 'w', 0o600);
  try {
    writeSync(file, key);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
  return key;
}

function macOf(secret: Buffer, xid: bigint, text: string): Buffer {
  return hash(secret, hash(secret, Buffer.from(`${xid} ${text}`)));
}

function hash(secret: Buffer, content: Buffer): Buffer {
  return createHash('sha256').update(secret).update(content).digest();
}

function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
