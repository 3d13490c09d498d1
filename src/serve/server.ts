/**
 * The HTTP server: Node's own, with a limit on everything that a stranger can make it hold.
 * What is no request is answered too, in one line, and the connection ends there.
 */
import { createServer as createHttp, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import type { Answers } from './answers.js';
import { refusal, refusalBytes, type Refusal } from './refusal.js';
import type { Service } from './service.js';
import { Turns } from './turns.js';

export interface Limits {
  readonly connections: number;
  readonly headerBytes: number;
  /** For a whole head, from its first byte or the connection's start; for a handshake of TLS too. */
  readonly headMs: number;
  /** Between two requests on a connection. */
  readonly idleMs: number;
  /** Who takes nothing of what waits for it for so long is let go. */
  readonly stalledMs: number;
}

export const LIMITS: Limits = { connections: 12_000, headerBytes: 8192, headMs: 10_000, idleMs: 65_000, stalledMs: 300_000 };

/** After so long without a byte the kernel asks whether the other end still lives. */
const PROBE_MS = 60_000;
/** How long a refused connection may go on to send what nobody looks at: cut off at once, it might lose the answer. */
const LINGER_MS = 1000;

export function createServer(service: Service, tls: SecureContextOptions | undefined, limits: Limits, answers: Answers): Server {
  const turns = new Turns();
  const options: ServerOptions = {
    maxHeaderSize: limits.headerBytes, headersTimeout: limits.headMs, requestTimeout: limits.headMs, keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: Math.min(limits.headMs, 1000), requireHostHeader: true, insecureHTTPParser: false,
    keepAlive: true, keepAliveInitialDelay: PROBE_MS,
  };
  const server = tls === undefined ? createHttp(options) : createHttps({ ...options, ...tls, handshakeTimeout: limits.headMs, minVersion: 'TLSv1.2' });
  server.maxConnections = limits.connections;
  server.timeout = limits.stalledMs;
  // A body that is announced, and whose sender waits, is refused like any other.
  for (const event of ['request', 'checkContinue', 'checkExpectation']) {
    server.on(event, (request: IncomingMessage, response: ServerResponse) => {
      answers.to(request, response);
      turns.take(request, response, (...of) => service.answer(...of));
    });
  }
  server.on('connect', (_request, socket) => end(socket, refusal(405, 'only GET and HEAD'), answers));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET') socket.destroy();
    else if (turns.isBusy(socket as Socket)) lingering(socket); // a second answer would be taken for a part of the first
    else end(socket, refusalOf(error), answers);
  });
  server.on('timeout', (socket) => {
    if (turns.isBusy(socket) && socket.writableLength === 0) socket.setTimeout(limits.stalledMs); // it has taken all that there was
    else socket.destroy();
  });
  return server;
}

function refusalOf({ code }: NodeJS.ErrnoException): Refusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': return refusal(431, 'the head of the request is too large');
    case 'ERR_HTTP_REQUEST_TIMEOUT': return refusal(408, 'the head of the request did not come in time');
    default: return refusal(400, 'this is no request of HTTP/1.1');
  }
}

function end(socket: Duplex, answer: Refusal, answers: Answers): void {
  if (!socket.writable) return;
  const bytes = refusalBytes(answer);
  socket.end(bytes);
  answers.toNone((socket as Socket).remoteAddress ?? '-', answer.status, bytes.length);
  lingering(socket);
}

function lingering(socket: Duplex): void {
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
