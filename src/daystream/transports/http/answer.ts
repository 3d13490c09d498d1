/**
 * What the answer to a GET with a Range means (RFC 9110 §14, §15). Nothing of it is believed that
 * can be checked: where the bytes begin, how many they are, that they are a file and not a page.
 */
import type { IncomingMessage } from 'node:http';
import { DeltaError } from '../../../errors.js';
import { Body } from './body.js';
import { Failure } from './failure.js';

/** Bytes that were asked for; `last` is undefined for all from `first` on. */
export interface Asked {
  readonly name: string;
  readonly first: number;
  readonly last: number | undefined;
}

/** Bytes of a file from `asked.first` on. */
export interface Piece {
  readonly body: Body;
  /** Bytes to pass over: of an answer that has the whole file. */
  readonly skip: number;
  /** Of the file, as far as the answer tells. */
  readonly total: number | undefined;
  /** That come, where it is known. */
  readonly length: number | undefined;
  /** The version of the file, where all that came of it is known to have come. */
  readonly tag: string | undefined;
}

/** There are no bytes there: the file has `total`, as far as the answer tells. */
export interface NoPiece {
  readonly body: undefined;
  readonly total: number | undefined;
}

/** Throws DeltaError where the answer is final (401, 403, 404), else Failure. */
export function requireSuccess(answer: IncomingMessage, place: string, name: string): void {
  const status = answer.statusCode ?? 0;
  const isPage = /^text\/html\b/i.test(answer.headers['content-type'] ?? '');
  if ((status === 200 || status === 206 || status === 304 || status === 416) && !(isPage && status < 300)) return;
  answer.on('error', () => {}).destroy();
  if (status === 401 || status === 403) {
    throw new DeltaError('config', `${place}/${name}: the server refuses it (${status})`, { hint: 'give the token that it asks for by --token-file or DAYSTREAM_TOKEN' });
  }
  if (status === 404 || status === 410) {
    throw new DeltaError('log-missing', `${place}/${name}: the server does not have it (${status})`, { hint: "give --source the URL of a log's folder, in which a file `index` stands" });
  }
  throw new Failure('wrong', status < 300 ? 'answers with a web page instead of a log' : `answers ${status} ${answer.statusMessage ?? ''}`.trimEnd());
}

/** What a successful answer brings. Throws Failure where it is not what was asked for. */
export function pieceOf(answer: IncomingMessage, asked: Asked, stallMs: number): Piece | NoPiece {
  try {
    return read(answer, asked, stallMs);
  } catch (error) {
    answer.on('error', () => {}).destroy();
    throw error;
  }
}

function read(answer: IncomingMessage, { name, first, last }: Asked, stallMs: number): Piece | NoPiece {
  const encoding = encodingOf(answer, name);
  if (answer.statusCode === 416) {
    answer.resume(); // so that the connection serves again
    const total = /^bytes \*\/(\d{1,15})$/.exec(answer.headers['content-range'] ?? '')?.[1];
    if (total !== undefined && Number(total) > first) throw new Failure('wrong', `has ${total} bytes and none from ${first} on`);
    return { body: undefined, total: total === undefined ? undefined : Number(total) };
  }
  const stated = numberOf(answer.headers['content-length']);
  const isCounted = stated !== undefined || answer.headers['transfer-encoding'] !== undefined;
  const tag = isCounted ? answer.headers.etag : undefined;
  if (answer.statusCode === 206) {
    const [, from, to, size] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(answer.headers['content-range'] ?? '')?.map(numberOf) ?? [];
    const isAsked = from === first && to !== undefined && to >= first && to <= (last ?? Infinity) && to < (size ?? Infinity);
    if (!isAsked || encoding !== undefined || (stated !== undefined && stated !== to - first + 1)) throw new Failure('wrong', 'answers other bytes than those that were asked for');
    return { body: new Body(answer, undefined, stallMs), skip: 0, total: size ?? (last !== undefined && to === last ? undefined : to + 1), length: to - first + 1, tag };
  }
  const total = encoding === undefined ? stated : undefined;
  return { body: new Body(answer, encoding, stallMs), skip: first, total, length: total === undefined ? undefined : Math.max(0, total - first), tag };
}

/** What a proxy has put the bytes in, though it was asked not to. A compressed segment is that file, whatever a server says that it unpacks to. */
export function encodingOf(answer: IncomingMessage, name: string): string | undefined {
  const encoding = answer.headers['content-encoding']?.trim().toLowerCase();
  const isNone = encoding === undefined || encoding === '' || encoding === 'identity' || (name.endsWith('.gz') && /^(?:x-)?gzip$/.test(encoding));
  return isNone ? undefined : encoding;
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined || !/^\d{1,15}$/.test(text) ? undefined : Number(text);
}
