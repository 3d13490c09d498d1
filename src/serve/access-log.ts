/**
 * One line for each answer to a request, when it was sent. Of what was asked for it has only what could be
 * answered: a token that somebody put into a URL by mistake is in no log.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { asked } from './request.js';

export function logAnswers(request: IncomingMessage, response: ServerResponse, print: (line: string) => void): void {
  const startedMs = performance.now();
  const { socket } = request;
  const before = socket.bytesWritten;
  const address = socket.remoteAddress ?? '-';
  response.once('close', () => {
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(3);
    const ended = response.writableFinished ? '' : ' broken off';
    print(`${new Date().toISOString()} ${address} ${what(request)} ${response.statusCode} ${socket.bytesWritten - before} ${seconds}${ended}\n`);
  });
}

function what(request: IncomingMessage): string {
  const wanted = asked(request);
  if (!('kind' in wanted)) return '-';
  const name = wanted.kind === 'index' ? 'index' : wanted.name;
  return `${request.method} ${name}${wanted.kind === 'live' ? `?live from ${wanted.from}` : ''}`;
}
