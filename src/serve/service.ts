/** What is answered to a request that came in whole. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { reasonOf } from '../errors.js';
import { refuseStranger, type Authority } from './authority.js';
import { openFile, sendFile, typeOf } from './file.js';
import { IndexAnswer } from './index-answer.js';
import { asked } from './request.js';
import { NOSNIFF, refusal, refuse } from './refusal.js';
import type { Tails } from './tails.js';

const MISSING = refusal(404, 'there is no such file: see /index');

export class Service {
  readonly #index: IndexAnswer;

  constructor(
    private readonly folder: string,
    private readonly authority: Authority,
    private readonly tails: Tails,
    private readonly tell: (text: string) => void,
  ) {
    this.#index = new IndexAnswer(folder);
  }

  /** Answers in any case. What cannot be read here is told to who runs the server, and not to who asks. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#answer(request, response);
    } catch (error) {
      this.tell(reasonOf(error));
      if (response.headersSent) response.destroy();
      else refuse(response, refusal(500, 'the file cannot be read here'), true);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const wanted = refuseStranger(this.authority, request) ?? asked(request);
    if (!('kind' in wanted)) return refuse(response, wanted, wanted.status !== 404);
    switch (wanted.kind) {
      case 'index': return this.#index.send(response);
      case 'file': return this.#file(wanted.name, response);
      case 'live': return this.#live(wanted.name, wanted.from, response);
    }
  }

  async #file(name: string, response: ServerResponse): Promise<void> {
    const file = await openFile(this.folder, name);
    if (file === undefined) return refuse(response, MISSING, false);
    try {
      await sendFile(name, file, response);
    } finally {
      await file.handle.close();
    }
  }

  async #live(name: string, from: number, response: ServerResponse): Promise<void> {
    const followed = await this.tails.hold(name);
    try {
      const { tail } = followed;
      if (tail === undefined) return refuse(response, MISSING, false);
      const { size } = tail;
      if (from > size) return refuse(response, refusal(416, `there are ${size} bytes`, { 'Content-Range': `bytes */${size}` }), false);
      response.writeHead(200, { 'Daystream-Offset': from, 'Content-Type': typeOf(name), 'Cache-Control': 'no-store, no-transform', 'X-Accel-Buffering': 'no', ...NOSNIFF });
      if (response.req.method === 'HEAD') response.end();
      else if (!response.destroyed) await this.tails.follow(tail, from, response);
    } finally {
      await this.tails.release(followed);
    }
  }
}
