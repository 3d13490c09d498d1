/**
 * One request at a time on each connection: the next one of a pipeline opens no file and
 * holds no memory but its head's before the one ahead of it is answered.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that may wait on a connection. Who sends more does not read what is answered. */
const WAITING_MAX = 16;

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export class Turns {
  readonly #waiting = new Map<Socket, { requests: number; last: Promise<void> }>();

  /** True while a request of the connection is being answered. */
  isBusy(socket: Socket): boolean {
    return this.#waiting.has(socket);
  }

  take(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
    const { socket } = request;
    const turns = this.#waiting.get(socket) ?? { requests: 0, last: Promise.resolve() };
    if (turns.requests === WAITING_MAX) {
      socket.destroy();
      return;
    }
    turns.requests++;
    this.#waiting.set(socket, turns);
    turns.last = turns.last.then(async () => {
      if (!socket.destroyed) await Promise.all([closed(response), answer(request, response)]);
      if (--turns.requests === 0) this.#waiting.delete(socket);
    });
  }
}

/** Resolves when the answer was sent, or its connection is gone. */
function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.once('close', resolve));
}
