/** GET and nothing else, of files below one URL: redirects, the token, and time limits. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Failure, networkFailure } from './failure.js';

const REDIRECTS = 5;
const REDIRECTING = new Set([301, 302, 303, 307, 308]);
/** Connections at once: what is read, and what is looked at meanwhile. */
const SOCKETS = 4;

export interface Access {
  readonly token?: string;
  readonly signal?: AbortSignal;
  /** Without a byte for so long where one is due, a connection is taken for dead. */
  readonly stallMs: number;
}

export class Client {
  readonly #base: URL;
  readonly #access: Access;
  #agents = makeAgents();

  constructor(base: URL, access: Access) {
    this.#base = base;
    this.#access = access;
  }

  /** The answer's head; its bytes are still to come. Throws Failure. */
  async get(name: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    let url = new URL(name, this.#base);
    for (let hop = 0; hop <= REDIRECTS; hop++) {
      const answer = await this.#ask(url, headers);
      if (!REDIRECTING.has(answer.statusCode ?? 0)) return answer;
      answer.on('error', () => {}).destroy();
      url = redirected(url, answer.headers.location);
    }
    throw new Failure('wrong', `redirects more than ${REDIRECTS} times`);
  }

  /** Lets go of every connection. */
  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
    this.#agents = makeAgents();
  }

  async #ask(url: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const { token } = this.#access;
    // A token is for the host that it was given for: whoever redirects to another one does not send it there.
    const authorization: Record<string, string> = token !== undefined && url.origin === this.#base.origin ? { Authorization: `Bearer ${token}` } : {};
    const sent = { 'Accept-Encoding': 'identity', 'User-Agent': 'deltamirror', ...headers, ...authorization };
    try {
      return await this.#send(url, sent);
    } catch (error) {
      // The server had closed a connection that lay idle, while we took it up again.
      if (!(error instanceof Stale)) throw error;
      return this.#send(url, sent);
    }
  }

  #send(url: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const { signal, stallMs } = this.#access;
    return new Promise((resolve, reject) => {
      const request = url.protocol === 'https:'
        ? httpsRequest(url, { agent: this.#agents.https, headers, signal })
        : httpRequest(url, { agent: this.#agents.http, headers, signal });
      const timer = setTimeout(() => request.destroy(new Failure('wrong', `no answer for ${stallMs / 1000} s`)), stallMs);
      request.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        reject(request.reusedSocket && error.code === 'ECONNRESET' ? new Stale('wrong', 'the connection was cut', error) : networkFailure('wrong', error));
      });
      request.on('response', (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      request.end();
    });
  }
}

class Stale extends Failure {}

function redirected(from: URL, location: string | undefined): URL {
  const to = URL.canParse(location ?? '', from.href) ? new URL(location!, from) : undefined;
  if (to === undefined || !/^https?:$/.test(to.protocol)) throw new Failure('wrong', 'redirects to nowhere');
  if (from.protocol === 'https:' && to.protocol === 'http:') throw new Failure('wrong', `redirects to http://${to.host}, where anybody could read along`);
  return to;
}

function makeAgents(): { readonly http: HttpAgent; readonly https: HttpsAgent } {
  const options = { keepAlive: true, maxSockets: SOCKETS };
  return { http: new HttpAgent(options), https: new HttpsAgent(options) };
}
