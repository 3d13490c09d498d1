/**
 * What a request asks for: a name, and bytes of it. A name is compared as it stands on the
 * wire with the few forms that the names of a log have, none of which has a slash, a
 * percent sign or a dot at its start. So there is no path to decode, and none to escape.
 */
import type { IncomingMessage } from 'node:http';
import { isLogFile } from '../daystream/file-names.js';
import { refusal, type Refusal } from './refusal.js';

export type Asked =
  | { readonly kind: 'index' }
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'live'; readonly name: string; readonly from: number };

/** Bytes of a file, `end` not among them. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

const INDEX = 'index';
const TARGET = /^\/([\w.-]{1,100})(\?live)?$/;
const VERSIONS = ['1.1', '1.0'];
const ONLY_ONCE = ['host', 'authorization', 'content-length', 'transfer-encoding'];

export function asked(request: IncomingMessage): Asked | Refusal {
  if (request.method !== 'GET' && request.method !== 'HEAD') return refusal(405, 'only GET and HEAD', { Allow: 'GET, HEAD' });
  if (!VERSIONS.includes(request.httpVersion)) return refusal(400, 'this is no request of HTTP/1.1');
  if (isAmbiguous(request)) return refusal(400, 'a request without a body, each of its headers once');
  const match = TARGET.exec(request.url ?? '');
  const name = match?.[1] ?? '';
  const live = match?.[2] !== undefined;
  if (name === INDEX && !live) return { kind: 'index' };
  if (!isLogFile(name) || (live && !name.endsWith('.daystream'))) return refusal(404, 'there is nothing of this name: see /index');
  if (!live) return { kind: 'file', name };
  if (request.httpVersion !== '1.1') return refusal(400, '?live wants HTTP/1.1');
  const from = /^bytes=(\d{1,15})-$/.exec(request.headers.range ?? 'bytes=0-')?.[1];
  return from === undefined ? refusal(400, '?live wants Range: bytes=N-') : { kind: 'live', name, from: Number(from) };
}

/** Two readers of one connection must not see two different requests in it. */
function isAmbiguous({ rawHeaders, headers }: IncomingMessage): boolean {
  const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0' || headers.upgrade !== undefined || headers.expect !== undefined
    || ONLY_ONCE.some((name) => names.indexOf(name) !== names.lastIndexOf(name));
}

/** The bytes that a Range header names of so many; `none` where there are none; undefined where all of them are meant (RFC 9110 §14.2). */
export function rangeOf(header: string | undefined, size: number): Range | 'none' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/i.exec(header ?? '') ?? ['', '', ''];
  if (first === '' && last === '') return undefined;
  if (first !== '' && last !== '' && Number(first) > Number(last)) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  return start < end ? { start, end } : 'none';
}
