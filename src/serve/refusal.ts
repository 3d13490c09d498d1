/** An answer that is a status and one line of text. */
import { STATUS_CODES, type ServerResponse } from 'node:http';

export interface Refusal {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

export const NOSNIFF = { 'X-Content-Type-Options': 'nosniff' } as const;
const TEXT = { 'Content-Type': 'text/plain; charset=utf-8', ...NOSNIFF } as const;

export function refusal(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Refusal {
  return { status, text: `${status} ${text}\n`, headers };
}

/** Answers, and ends the connection where what comes behind the request is not to be looked at. */
export function refuse(response: ServerResponse, { status, text, headers }: Refusal, thenClose: boolean): void {
  response.writeHead(status, { ...TEXT, ...headers, 'Content-Length': Buffer.byteLength(text), ...(thenClose && { Connection: 'close' }) });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}

/** The same for a connection on which no request could be read. */
export function refusalBytes({ status, text }: Refusal): string {
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...Object.entries(TEXT).map(([name, value]) => `${name}: ${value}`), `Content-Length: ${Buffer.byteLength(text)}`, 'Connection: close'];
  return `${head.join('\r\n')}\r\n\r\n${text}`;
}
