/** A folder that is served by this process, and readers of it that see each byte of what they are answered. */
import { connect, type Socket } from 'node:net';
import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { serve, type ServeOptions, type Serving } from '../../src/serve/serve.js';

/** Serves a folder on a free port of loopback until the test is over. */
export async function serving(t: TestContext, folder: string, options: Partial<ServeOptions> = {}): Promise<Serving & { port: number }> {
  const served = await serve({ folder, listen: { host: '127.0.0.1', port: 0 }, token: undefined, tls: undefined, insecure: false, tell: () => {}, ...options });
  t.after(() => served.stop());
  return { ...served, port: Number(new URL(served.url).port) };
}

/** Sends these bytes and gives all that comes back until the server ends the connection. */
export async function exchange(port: number, bytes: string | Buffer): Promise<string> {
  const socket = await open(port);
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece)).on('error', () => {}); // a reset behind the answer
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(pieces).toString('latin1');
}

export async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** A request of one line, the connection ended by the answer. */
export function ask(target: string, ...headers: string[]): string {
  return [`GET ${target} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: close', ...headers, '', ''].join('\r\n');
}

export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
}

export function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('\r\n\r\n') + 4);
}

/** A live stream, from a byte on. */
export class LiveReader {
  readonly #pieces: Buffer[] = [];
  /** Resolves when the stream is over: true where its end was said, false where it broke off. */
  readonly over: Promise<boolean>;
  status = 0;
  headers: IncomingMessage['headers'] = {};

  private constructor(private readonly response: IncomingMessage) {
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    response.on('data', (piece: Buffer) => this.#pieces.push(piece)).on('error', () => {}); // it breaks off
    this.over = new Promise((resolve) => response.once('close', () => resolve(response.complete)));
  }

  static async open(port: number, segment: string, from = 0): Promise<LiveReader> {
    const request = get({ port, host: '127.0.0.1', path: `/${segment}?live`, headers: { Range: `bytes=${from}-` }, agent: false });
    const [response] = await once(request, 'response') as [IncomingMessage];
    return new LiveReader(response);
  }

  get bytes(): Buffer { return Buffer.concat(this.#pieces); }
  get length(): number { return this.#pieces.reduce((sum, piece) => sum + piece.length, 0); }

  /** Takes nothing until `resume`. */
  pause(): void { this.response.pause(); }
  resume(): void { this.response.resume(); }
  leave(): void { this.response.destroy(); }
}
