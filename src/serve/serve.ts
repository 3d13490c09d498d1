/** A folder of a log, served from the moment it is called until it is told to stop. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { isIPv6, type AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import type { HostAndPort } from '../cli.js';
import { isLoopback } from '../daystream/loopback.js';
import { DeltaError, reasonOf } from '../errors.js';
import { logLine } from './access-log.js';
import { Answers } from './answers.js';
import { addressOf, requireSafe } from './listen.js';
import { createServer, LIMITS, type Limits } from './server.js';
import { Service } from './service.js';
import { reportStanding } from './standing.js';
import { Tails } from './tails.js';
import { followTls, readTls, type TlsFiles } from './tls.js';

export interface ServeOptions {
  readonly folder: string;
  readonly listen: HostAndPort;
  readonly token: string | undefined;
  readonly tls: TlsFiles | undefined;
  readonly insecure: boolean;
  /** Where a line for each answer goes. */
  readonly accessLog?: (line: string) => void;
  /** What the person who runs it has to know; one line each. */
  readonly tell: (text: string) => void;
  readonly limits?: Partial<Limits>;
}

/** What is served, while it is. */
export interface Serving {
  readonly url: string;
  readonly tails: Tails;
  readonly server: Server;
  readonly answers: Answers;
  /** Ends it: answers that are being sent have `GRACE_MS` to end, live streams end at once. */
  stop(): Promise<void>;
}

/** What an answer that is being sent may still take when it is told to stop. */
const GRACE_MS = 3000;

/** Throws DeltaError: usage (not safe), config (an address, a certificate), log-missing (no such folder). */
export async function serve(options: ServeOptions): Promise<Serving> {
  const folder = resolve(options.folder);
  if (!existsSync(folder)) throw new DeltaError('log-missing', `${folder}: there is no such folder`, { hint: 'give the folder that deltastream --out writes' });
  const ip = await addressOf(options.listen.host);
  requireSafe(ip, { token: options.token !== undefined, tls: options.tls !== undefined, insecure: options.insecure });
  const tls = options.tls && readTls(options.tls);
  const tails = new Tails(folder, options.tell);
  const authority = { token: options.token, localHostsOnly: isLoopback(ip) && !options.insecure };
  const answers = new Answers();
  const { accessLog } = options;
  if (accessLog !== undefined) answers.each((answer) => accessLog(logLine(answer)));
  const server = createServer(new Service(folder, authority, tails, options.tell), tls, { ...LIMITS, ...options.limits }, answers);
  try {
    await listen(server, ip, options.listen.port);
  } catch (error) {
    tails.close();
    throw error;
  }
  const watches = [reportStanding(folder, tails, options.tell), ...(options.tls === undefined ? [] : [followTls(server as TlsServer, options.tls, options.tell)])];
  return {
    url: urlOf(server, tls !== undefined), tails, server, answers,
    stop: async () => {
      for (const end of watches) end();
      await stop(server, tails);
    },
  };
}

async function listen(server: Server, ip: string, port: number): Promise<void> {
  server.listen(port, ip);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new DeltaError('config', `--listen ${ip}:${port}: ${reasonOf(cause)}`, { hint: 'give a free port of an address of this machine', cause });
  }
}

async function stop(server: Server, tails: Tails): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  tails.close();
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await closed;
  clearTimeout(late);
}

function urlOf(server: Server, tls: boolean): string {
  const { address, port } = server.address() as AddressInfo;
  return `http${tls ? 's' : ''}://${isIPv6(address) ? `[${address}]` : address}:${port}/`;
}
