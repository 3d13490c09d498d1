/** `ssh://user@host:port/folder`, and the command line of the system's own ssh for it. */
import { DeltaError } from '../../errors.js';

export interface SshPlace {
  /** As it was given: it holds no secret. */
  readonly place: string;
  /** What a person types behind `ssh`. */
  readonly destination: string;
  readonly user: string | undefined;
  readonly host: string;
  readonly port: number | undefined;
  /** The folder, absolute or relative to the user's home. */
  readonly folder: string;
}

const URL = /^ssh:\/\/(?:([^@/]*)@)?([^@/:[\]]+|\[[^@/[\]]+\])(?::(\d{1,5}))?(\/[^]*)$/;
/** ssh puts both into commands of its configuration (ProxyCommand %h %r), so nothing that a shell would see more in. */
const HOST = /^[A-Za-z0-9_][A-Za-z0-9._:%-]*$/;
const USER = /^[A-Za-z0-9_][A-Za-z0-9._@+\\-]*$/;

/** True also where the password has a slash, so that its beginning reads as a port: of a folder's name the @ is written %40 behind a port. */
export function mayHoldPassword(url: string): boolean {
  return /^[^/]*:\/\/[^/@]*:\d*\/.*@/s.test(url);
}

/** Throws DeltaError `usage` where it is no such URL, or has a password, which it does not repeat. */
export function parseSshUrl(text: string): SshPlace {
  const match = URL.exec(text);
  if (match === null) throw refused('not of the form ssh://host/folder');
  const [, login, bracketed, port, path] = match;
  if (login?.includes(':') === true || mayHoldPassword(text)) throw refused('holds a password, which ssh takes from nobody but its user', 'use a key: ssh-copy-id; and give ssh://user@host/folder');
  const [user, folder] = [login, path].map((part) => (part === undefined ? undefined : decoded(part)));
  const host = bracketed.replace(/^\[|\]$/g, '');
  if (!HOST.test(host)) throw refused(`"${host}" is not the name of a host`);
  if (user !== undefined && !USER.test(user)) throw refused(`"${user}" is not the name of a user`);
  if (folder!.includes('\0')) throw refused('the folder has a NUL byte');
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) throw refused(`${port} is not a port`);
  const options = port === undefined ? '' : `-p ${port} `;
  return {
    place: text,
    destination: `${options}${user === undefined ? '' : `${user}@`}${host}`,
    user, host,
    port: port === undefined ? undefined : Number(port),
    folder: folder === '/~' || folder!.startsWith('/~/') ? `.${folder!.slice(2)}` : folder!,
  };
}

/**
 * The arguments of ssh. Its configuration, keys, known hosts, agent and jump hosts are the
 * user's own; what is set here keeps it from asking at a terminal, from doing what belongs
 * to a login, and from holding on to a connection that is dead.
 */
export function sshArguments({ user, host, port }: SshPlace): string[] {
  const settings = ['BatchMode=yes', 'ConnectTimeout=15', 'ServerAliveInterval=10', 'ServerAliveCountMax=2', 'ClearAllForwardings=yes', 'PermitLocalCommand=no', 'RemoteCommand=none', 'ControlMaster=no'];
  return [
    '-T', '-e', 'none',
    ...settings.flatMap((setting) => ['-o', setting]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(user === undefined ? [] : ['-l', user]),
    '--', host, // nothing behind it is taken for an option
    // The whole program comes through its standard input, so no login shell sees a name of ours.
    'exec sh',
  ];
}

/** A text as one word of a POSIX shell, whatever is in it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw refused('has a % that is no escape', 'write %25 for a percent sign', cause);
  }
}

function refused(reason: string, hint = 'write it like ssh://user@host/var/daystream', cause?: unknown): DeltaError {
  return new DeltaError('usage', `ssh://…: ${reason}`, { hint, cause });
}
