/** Why a connection of ssh ended, and whether trying again could help. */
import { DeltaError } from '../../errors.js';
import type { SshPlace } from './ssh-url.js';

/** A connection that failed or ended: not an error yet, since it may be made again. */
export class Interrupted extends Error {
  constructor(
    message: string,
    /** What is said where it is not tried again. */
    readonly error: DeltaError,
    /** True where trying again is wrong, however often it worked before. */
    readonly isFinal = false,
  ) {
    super(message);
    this.name = 'Interrupted';
  }
}

/** What ssh said, the last lines last, as a reason. */
export function interruption(place: SshPlace, said: readonly string[], status: string): Interrupted {
  const text = said.join('\n');
  const last = said.findLast((line) => line.trim() !== '' && !/^Connection to .* closed/.test(line))?.trim() ?? `ssh ended (${status})`;
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed/i.test(text)) {
    return interrupted(place, 'config', 'its host key has changed', `somebody may stand in between; if the host was made anew: ssh-keygen -R ${knownAs(place)}, then ssh ${place.destination} true`, true);
  }
  if (/Host key verification failed/.test(text)) {
    return interrupted(place, 'config', 'its host key is not known here', `look at the key and accept it: ssh ${place.destination} true`, true);
  }
  if (/Permission denied|Too many authentication failures/.test(text)) {
    return interrupted(place, 'config', last, `this must work without a question: ssh -o BatchMode=yes ${place.destination} true`);
  }
  return interrupted(place, 'connection', last, `see: ssh ${place.destination} true`);
}

/** The folder is not there, or may not be read. */
export function noFolder(place: SshPlace, said: readonly string[]): Interrupted {
  const reason = said.findLast((line) => line.includes('cd'))?.replace(/^.*?cd: /, '') ?? 'there is no such folder';
  return interrupted(place, 'log-missing', reason, 'give the folder that deltastream --out writes on that host');
}

export function interrupted(place: SshPlace, code: 'config' | 'connection' | 'log-missing', reason: string, hint: string, isFinal = false): Interrupted {
  return new Interrupted(reason, new DeltaError(code, `${place.place}: ${reason}`, { hint }), isFinal);
}

function knownAs({ host, port }: SshPlace): string {
  return port === undefined ? host : `'[${host}]:${port}'`;
}
