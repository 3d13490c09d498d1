/** The one page that Prometheus reads: GET /metrics. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { DeltaError, reasonOf } from '../errors.js';
import type { Metrics } from './metrics.js';

/** More than Prometheus and a person or two. */
const CONNECTION_LIMIT = 32;
const HEADER_LIMIT_BYTES = 8192;
const REQUEST_TIMEOUT_MS = 10_000;

export interface MetricsPage {
  /** Where it is, as a URL. */
  readonly url: string;
  close(): void;
}

/** Serves `metrics` until `close`; it keeps no process alive. Throws DeltaError config where nobody can listen there. */
export async function listenForMetrics(metrics: Metrics, { host, port }: { readonly host: string; readonly port: number }): Promise<MetricsPage> {
  const server = createServer({ maxHeaderSize: HEADER_LIMIT_BYTES, requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }, (request, response) => void answer(metrics, request, response));
  server.maxConnections = CONNECTION_LIMIT;
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (cause) {
    throw new DeltaError('config', `--metrics ${shown(host)}:${port}: cannot listen there: ${reasonOf(cause)}`, { cause, hint: 'give another port, or an address of this host' });
  }
  server.unref();
  return { url: `http://${shown(host)}:${(server.address() as AddressInfo).port}/metrics`, close: () => shut(server) };
}

async function answer(metrics: Metrics, { method, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
  if (url.split('?')[0] !== '/metrics') return refuse(response, 404, 'it is under /metrics');
  if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405, 'only GET and HEAD', { Allow: 'GET, HEAD' });
  try {
    const text = await metrics.text();
    response.writeHead(200, { 'Content-Type': metrics.contentType, 'Content-Length': Buffer.byteLength(text), 'Cache-Control': 'no-store' });
    response.end(method === 'HEAD' ? undefined : text);
  } catch {
    refuse(response, 500, 'a value could not be had');
  }
}

function refuse(response: ServerResponse, status: number, why: string, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close', ...headers });
  response.end(`${why}\n`);
}

function shut(server: Server): void {
  server.close();
  server.closeAllConnections();
}

function shown(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
