/** Every answer that leaves the server, told in one place: to a request of any kind, and to what is none. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { asked, type Asked } from './request.js';

export interface Answered {
  /** Of who asked. */
  readonly address: string;
  readonly method: string;
  /** Undefined for what cannot be answered: a token that somebody put there by mistake goes no further. */
  readonly asked: Asked | undefined;
  readonly status: number;
  readonly bytes: number;
  readonly seconds: number;
  /** False where it broke off. */
  readonly isWhole: boolean;
}

export class Answers {
  readonly #tellers: ((answer: Answered) => void)[] = [];

  /** From now on `tell` is told of each, when it was sent. */
  each(tell: (answer: Answered) => void): void {
    this.#tellers.push(tell);
  }

  /** A request has come: its answer is told when it is over. */
  to(request: IncomingMessage, response: ServerResponse): void {
    const startedMs = performance.now();
    const { socket, method = '' } = request;
    const before = socket.bytesWritten;
    const address = socket.remoteAddress ?? '-';
    response.once('close', () => {
      const wanted = asked(request);
      this.#tell({
        address, method, asked: 'kind' in wanted ? wanted : undefined, status: response.statusCode,
        bytes: socket.bytesWritten - before, seconds: (performance.now() - startedMs) / 1000, isWhole: response.writableFinished,
      });
    });
  }

  /** What came was no request, and was answered so. */
  toNone(address: string, status: number, bytes: number): void {
    this.#tell({ address, method: '', asked: undefined, status, bytes, seconds: 0, isWhole: true });
  }

  #tell(answer: Answered): void {
    for (const tell of this.#tellers) tell(answer);
  }
}
