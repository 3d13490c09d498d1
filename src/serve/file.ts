/** One file of the folder as it is: opened, named by an entity tag, sent whole or from an offset on. */
import { constants, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { rangeOf } from './request.js';
import { NOSNIFF, refusal, refuse } from './refusal.js';

/** Read at once for one reader: what a slow one costs. */
const BLOCK_BYTES = 64 << 10;

export const NO_TRANSFORM = 'no-cache, no-transform';

export interface OpenFile {
  readonly handle: FileHandle;
  readonly stats: Stats;
}

/** Undefined where there is no such file. The caller closes it. */
export async function openFile(folder: string, name: string): Promise<OpenFile | undefined> {
  // Not to wait where somebody made a pipe of that name.
  const handle = await open(join(folder, name), constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  const stats = await handle.stat();
  if (stats.isFile()) return { handle, stats };
  await handle.close();
  return undefined;
}

/** Sends what the request's Range names of the file as it is at this moment. */
export async function sendFile(name: string, { handle, stats }: OpenFile, response: ServerResponse): Promise<void> {
  const { headers, method } = response.req;
  const tag = `"${stats.ino.toString(36)}-${stats.size.toString(36)}-${Math.trunc(stats.mtimeMs * 1000).toString(36)}"`;
  const common = { ETag: tag, 'Accept-Ranges': 'bytes', 'Cache-Control': NO_TRANSFORM };
  if (headers['if-none-match'] === tag) {
    response.writeHead(304, common).end();
    return;
  }
  const range = headers['if-range'] === undefined || headers['if-range'] === tag ? rangeOf(headers.range, stats.size) : undefined;
  if (range === 'none') {
    refuse(response, refusal(416, `there are ${stats.size} bytes`, { ...common, 'Content-Range': `bytes */${stats.size}` }), false);
    return;
  }
  const { start, end } = range ?? { start: 0, end: stats.size };
  response.writeHead(range === undefined ? 200 : 206, {
    ...common,
    ...NOSNIFF,
    'Content-Type': typeOf(name),
    'Content-Length': end - start,
    ...(range !== undefined && { 'Content-Range': `bytes ${start}-${end - 1}/${stats.size}` }),
  });
  if (method === 'GET') await sendBytes(handle, start, end, response);
  if (!response.destroyed) response.end();
}

async function sendBytes(handle: FileHandle, start: number, end: number, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  for (let offset = start; offset < end && !gone.signal.aborted;) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(Math.min(BLOCK_BYTES, end - offset)), 0, undefined, offset);
    if (bytesRead === 0) response.destroy(); // it was cut: the length that was said does not come true, and the reader sees it
    offset += bytesRead;
    if (bytesRead > 0 && !response.write(buffer.subarray(0, bytesRead))) await once(response, 'drain', { signal: gone.signal }).catch(() => {}); // gone: the loop ends
  }
}

export function typeOf(name: string): string {
  return name.endsWith('.gz') ? 'application/gzip' : 'text/plain; charset=utf-8';
}
