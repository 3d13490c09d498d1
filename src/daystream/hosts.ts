/**
 * Who still needs the log: a file for each registered host and each open reader, in `.hosts`
 * in the log's folder (docs/format.md §7). A host stays registered while it is away; a reader
 * counts as long as its process lives. What is written lags behind where they stand, so it
 * keeps too much rather than too little.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DeltaError, reasonOf, shellWord } from '../errors.js';
import { formatPosition, parsePosition, type Position } from './position.js';
import { isSegmentName } from './segment.js';

const FOLDER = '.hosts';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const READER = /^(serve|mirror)-\d+(-[0-9a-f]+)?$/;
const SUFFIX = '.json';
/** A reader on another machine or in another container, which shares the folder, says so often that it lives; what is older is of one that died. */
const REPORT_MS = 5000;
const DEAD_MS = 3_600_000;
/** Of /proc/PID/stat behind the process's name: proc(5), (22) starttime. */
const START_FIELD = 19;

/** Where a host or a reader stands: it needs all behind the position, or the segment and those behind it; without either, all there is. */
export interface Standing {
  readonly position?: Position;
  readonly segment?: string;
}

export interface Host extends Standing {
  readonly name: string;
  /** False for a registered host. */
  readonly isReader: boolean;
  /** When it last said where it stands. */
  readonly at: Date;
}

/** Writes where a registered host stands. Throws DeltaError usage for a name that is none, io where it cannot be written. */
export function writeHost(folder: string, name: string, standing: Standing): void {
  if (!NAME.test(name) || READER.test(name)) {
    throw new DeltaError('usage', `"${name}" is no name for a host`, { hint: 'use letters, digits, dots, dashes and underscores; serve-N… and mirror-N… are taken by processes' });
  }
  write(folder, name, standing, {});
}

/** Throws DeltaError config where there is no such host. */
export function removeHost(folder: string, name: string): void {
  if (!readHosts(folder).some((host) => host.name === name && !host.isReader)) {
    throw new DeltaError('config', `${folder}: no host is registered as "${name}"`, { hint: `see: daystream hosts list ${shellWord(folder)}` });
  }
  rmSync(pathOf(folder, name));
}

/**
 * All who need the log, by name. Files of readers that are gone are removed. Throws DeltaError
 * config where one cannot be read: what it needs is not known then.
 */
export function readHosts(folder: string): Host[] {
  return namesIn(folder).sort().flatMap((file) => {
    const path = join(folder, FOLDER, file);
    const { host, isAlive } = parse(path, file.slice(0, -SUFFIX.length));
    if (!isAlive) rmSync(path, { force: true });
    return isAlive ? [host] : [];
  });
}

/** A process that reads the log's folder, as long as it lives. */
export class OpenReader {
  readonly #folder: string;
  readonly #name: string;
  #writtenAt = 0;

  private constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
  }

  /** Undefined where this user may not write into the log's folder: nobody knows of such a reader. */
  static open(folder: string, kind: 'serve' | 'mirror', standing: Standing): OpenReader | undefined {
    // In containers that share the folder two may have the same pid, and the same hostname too.
    const reader = new OpenReader(folder, `${kind}-${process.pid}-${randomBytes(4).toString('hex')}`);
    try {
      reader.stands(standing);
      return reader;
    } catch (error) {
      if (error instanceof DeltaError) return undefined;
      throw error;
    }
  }

  /** Takes where the reader stands by now, for as good as each time; it is written at times. */
  stands(standing: Standing, nowMs = Date.now()): void {
    if (nowMs - this.#writtenAt < REPORT_MS) return;
    write(this.#folder, this.#name, standing, { pid: process.pid, started: startOf(process.pid), ...here() });
    this.#writtenAt = nowMs;
  }

  close(): void {
    rmSync(pathOf(this.#folder, this.#name), { force: true });
  }
}

function pathOf(folder: string, name: string): string {
  return join(folder, FOLDER, name + SUFFIX);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(join(folder, FOLDER)).filter((name) => name.endsWith(SUFFIX) && !name.startsWith('.'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new DeltaError('config', `${join(folder, FOLDER)}: ${reasonOf(error)}`, { hint: 'let this user read it', cause: error });
  }
}

/** Whole or not at all, and durable: a file that a power loss left empty would say nothing. */
function write(folder: string, name: string, { position, segment }: Standing, process_: { pid?: number; started?: string } & Partial<Here>): void {
  const record = { version: 1, name, position: position && formatPosition(position), segment, at: new Date().toISOString(), ...process_ };
  const temporary = join(folder, FOLDER, `.${name}.${process.pid}.new`);
  try {
    if (!existsSync(join(folder, FOLDER))) mkdirSync(join(folder, FOLDER)); // in a folder that is there: a mistyped path makes none
    const file = openSync(temporary, 'w');
    try {
      writeSync(file, `${JSON.stringify(record)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, pathOf(folder, name));
  } catch (cause) {
    throw new DeltaError('io', `${pathOf(folder, name)}: ${reasonOf(cause)}`, { hint: 'give a folder that this user may write to', cause });
  }
}

function parse(path: string, name: string): { host: Host; isAlive: boolean } {
  try {
    const { version, position, segment, at, pid, started, machine, boot, pids } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    const date = new Date(String(at));
    if (version !== 1 || Number.isNaN(date.getTime())) throw new Error('is none of this version');
    if (segment !== undefined && !isSegmentName(String(segment))) throw new Error(`"${segment}" is no segment`);
    const isReader = pid !== undefined;
    const host = {
      name, isReader, at: date,
      ...(position === undefined ? {} : { position: parsePosition(String(position)) }),
      ...(segment === undefined ? {} : { segment: String(segment) }),
    };
    const isHere = JSON.stringify({ machine, boot, pids }) === JSON.stringify(here());
    return { host, isAlive: !isReader || (isHere ? isRunning(Number(pid), started) : Date.now() - date.getTime() < DEAD_MS) };
  } catch (cause) {
    throw new DeltaError('config', `${path}: does not say where a host stands: ${reasonOf(cause)}`, { hint: `look at it; if that host is gone: rm ${shellWord(path)}`, cause });
  }
}

/** Within which a pid means anything: hosts may share a name, the first namespace is called the same on each, and what ran before a power loss does not run. */
interface Here {
  readonly machine: string;
  readonly boot: string | undefined;
  readonly pids: string | undefined;
}

function here(): Here {
  return { machine: hostname(), boot: told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()), pids: told(() => readlinkSync('/proc/self/ns/pid')) };
}

/** When a process began, in the kernel's ticks since boot: another one may have its pid by now. The name before it may hold anything. */
function startOf(pid: number): string | undefined {
  return told(() => readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ')[START_FIELD]);
}

function isRunning(pid: number, started: unknown): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false; // else it lives, and is another user's
  }
  const start = startOf(pid);
  return start === undefined || start === started;
}

/** Undefined where the system does not tell. */
function told(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
