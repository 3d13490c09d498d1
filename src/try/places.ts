/**
 * What a try makes: a folder, a slot and a publication of a name of its own. The folder is held by
 * a lock, the name by an advisory lock of Postgres, so that a later try knows what a killed one left.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { sizeText } from '../cli.js';
import { DeltaError } from '../errors.js';
import { lock, type Lock } from '../lock.js';
import { COMMENT_START } from '../postgres/publication-change.js';
import { dropPublication } from '../postgres/publication-drop.js';
import { readPublication } from '../postgres/publication.js';
import { readSlot } from '../postgres/slot.js';

const FOLDER = 'deltastream-try-';
const NAME = 'deltastream_try_';
const LOCK = '.lock';
const REMOVAL = { recursive: true, force: true, maxRetries: 5 } as const;
const WAIT_MS = 100;
const WAITS = 50;
/** Of the tables' size in Postgres: two caches, their journals and the log. */
const COPIES = 3;

export interface Held {
  readonly path: string;
  readonly lock: Lock;
}

/** A folder that only this user can read. */
export function makeFolder(): Held {
  const path = mkdtempSync(join(tmpdir(), FOLDER));
  return { path, lock: lock(join(path, LOCK), 'deltastream try') };
}

export function removeFolder({ path, lock }: Held): void {
  rmSync(path, REMOVAL);
  lock.release();
}

/** Of the file system that the folder would be on. */
function freeBytes(): number {
  const { bavail, bsize } = statfsSync(tmpdir());
  return bavail * bsize;
}

/** Removes the folders of tries that were killed; gives them. */
export function sweepFolders(): string[] {
  const paths = readdirSync(tmpdir()).filter((name) => name.startsWith(FOLDER)).map((name) => join(tmpdir(), name));
  return paths.filter((path) => {
    try {
      if (!existsSync(join(path, LOCK))) return false; // it is just being made, or not ours to see
      removeFolder({ path, lock: lock(join(path, LOCK), 'deltastream try') });
      return true;
    } catch {
      return false; // held by its try, or by another user
    }
  });
}

/** A name for slot and publication that nobody has, held for as long as the connection. */
export async function takeName(client: pg.Client): Promise<string> {
  const name = `${NAME}${randomBytes(4).toString('hex')}`;
  await client.query("select set_config('idle_session_timeout', '0', false), pg_advisory_lock(hashtext($1), hashtext($2))", [NAME, name]);
  return name;
}

/** Removes the publications of tries that were killed; tells of each. */
export async function sweepPublications(client: pg.Client, tell: (text: string) => void): Promise<void> {
  for (const { name } of (await client.query<{ name: string }>(LEFT, [NAME, COMMENT_START])).rows) {
    if (await readSlot(client, name) !== undefined) continue; // its deltastream is still there
    const { rows: [{ taken }] } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock(hashtext($1), hashtext($2)) as taken', [NAME, name]);
    if (!taken) continue;
    const dropped = await dropPublication(client, name);
    await client.query('select pg_advisory_unlock(hashtext($1), hashtext($2))', [NAME, name]);
    tell(dropped ? `removed publication "${name}", left by a try that was killed` : `publication "${name}", left by a try that was killed, belongs to another role — as that role: DROP PUBLICATION ${name};`);
  }
}

/** Drops the publication where deltastream could not, and waits until the slot is gone. Gives what is left, with what to type. */
export async function clear(client: pg.Client, name: string): Promise<string[]> {
  const left: string[] = [];
  for (let wait = 0; await readSlot(client, name) !== undefined; wait++) {
    if (wait === WAITS) {
      left.push(`slot "${name}" — deltastream drop --slot ${name}`);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
  if (await readPublication(client, name) !== undefined && !await dropPublication(client, name)) left.push(`publication "${name}" — DROP PUBLICATION ${name};`);
  return left;
}

/** Throws DeltaError `config` where the folder cannot hold two copies of so much, and the log. */
export function requireRoom(bytes: number): void {
  const free = freeBytes();
  if (free > bytes * COPIES) return;
  throw new DeltaError('config', `${tmpdir()}: has room for ${sizeText(free)}, two copies of ${sizeText(bytes)} and a log may not fit`, { hint: 'TMPDIR=/another/folder deltastream try …, or choose tables with --tables' });
}

const LEFT = `
  select p.pubname::text as name from pg_catalog.pg_publication p
   where starts_with(p.pubname, $1) and starts_with(obj_description(p.oid, 'pg_publication'), $2) order by 1`;
