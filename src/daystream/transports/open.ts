/** From what a person writes behind --source to the log that is there. */
import { DeltaError } from '../../errors.js';
import { isLocalName } from '../loopback.js';
import { Segments } from '../segments.js';
import { readToken } from '../token.js';
import { FolderFiles } from './folder-files.js';
import { HttpFiles } from './http-files.js';
import { SshFiles } from './ssh-files.js';

export interface OpenOptions {
  /** Told once that a place is waited for and why, and once that it is there again. */
  readonly tell: (text: string) => void;
  /** Ends the wait for a place. */
  readonly signal: AbortSignal;
  /** Holds what a server of http and https, and no other one, is shown; undefined: DAYSTREAM_TOKEN, where it is set. */
  readonly tokenFile?: string;
  /** True: the token is shown also where others can read it, by http:// on another machine. */
  readonly insecure?: boolean;
  /** Of a folder: the process does little else while it reads (folder-files.ts). */
  readonly isAlone?: boolean;
}

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;
/** Meant as a URL, which a folder's name is not: said so, it would be repeated with what is secret in it. */
const MISTYPED = /^\s*(?:[a-z][a-z0-9+.-]*:\/|(?:https?|ssh):)/i;
const KINDS = 'a folder, ssh://user@host/folder, http://host/path/ or https://host/path/';

/** False for a folder of this machine. */
export function isRemote(source: string): boolean {
  return SCHEME.test(source);
}

/**
 * The log at a source: a folder, or a URL. Nothing is asked of it yet. Throws DeltaError usage
 * where it is none of those, a URL with a secret in it, or one where anybody could read the token; config where the token cannot be read.
 */
export function openTransport(source: string, { tell, signal, tokenFile, insecure, isAlone }: OpenOptions): Segments {
  const waiting = { tell, signal };
  const scheme = SCHEME.exec(source)?.[1].toLowerCase();
  switch (scheme) {
    case undefined:
      if (MISTYPED.test(source)) throw new DeltaError('usage', `${/\w+:/.exec(source)![0]}…: is neither a URL nor a folder`, { hint: `give ${KINDS}; or ./ before the folder's name` });
      return new Segments(new FolderFiles(source, isAlone), waiting);
    case 'ssh': return new Segments(new SshFiles(source, waiting), waiting);
    case 'http':
    case 'https': {
      const [url, token] = [parseHttpUrl(source), readToken(tokenFile)];
      if (token !== undefined && insecure !== true) requireUnseen(url);
      return new Segments(new HttpFiles(url, { ...waiting, token }), waiting);
    }
    default: throw new DeltaError('usage', `${scheme}://…: nothing that a log is read from`, { hint: `give ${KINDS}` });
  }
}

/** The URL of a log's folder, with a slash at its end. Messages hold nothing of it that may be secret. */
function parseHttpUrl(text: string): URL {
  // A password or a token may have a slash in it, so that its beginning reads as a host: what it ends with is the last @.
  // Behind a ? either may be the secret: what is before the @ and what follows it.
  const place = text.replace(/[?#].*@.*$/s, '@…').replace(/\/\/.*@/s, '//').replace(/[?#].*$/s, '');
  if (!URL.canParse(text)) throw new DeltaError('usage', `${place}: is no URL`, { hint: `give ${KINDS}` });
  const url = new URL(text);
  if (text.includes('@')) {
    throw new DeltaError('usage', `${place}: a URL is seen by whoever lists the processes, so it holds no name and no password`, { hint: 'give a token by --token-file or DAYSTREAM_TOKEN; an @ of a folder is written %40' });
  }
  if (url.search !== '' || url.hash !== '') throw new DeltaError('usage', `${place}: the URL of a folder ends with its path`, { hint: 'leave out what follows ? or #' });
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

/** As `daystream serve` listens beyond this machine with TLS alone. A redirect shows the token to nobody else, so the first URL decides. */
function requireUnseen({ protocol, hostname, href }: URL): void {
  if (protocol === 'https:' || isLocalName(hostname)) return;
  throw new DeltaError('usage', `${href}: the token would go there in the clear, for anybody on the way to read`, { hint: 'give https://, or --insecure where the network is trusted' });
}
