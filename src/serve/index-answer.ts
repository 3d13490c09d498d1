/** The answer to `index`: made from the folder, and kept while the folder stays as it is. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { indexText } from '../daystream/index-file.js';
import { NO_TRANSFORM } from './file.js';
import { NOSNIFF } from './refusal.js';

/** What changed so lately may change once more within the same tick of the file system's clock. */
const SETTLED_MS = 1000;

interface Index {
  readonly text: string;
  readonly tag: string;
}

export class IndexAnswer {
  #kept: { readonly index: Index; readonly changedMs: number } | undefined;

  constructor(private readonly folder: string) {}

  async send(response: ServerResponse): Promise<void> {
    const { text, tag } = await this.#index();
    const common = { ETag: tag, 'Cache-Control': NO_TRANSFORM, 'Daystream-Live': '1' };
    if (response.req.headers['if-none-match'] === tag) {
      response.writeHead(304, common).end();
      return;
    }
    response.writeHead(200, { ...common, ...NOSNIFF, 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(text) });
    response.end(response.req.method === 'HEAD' ? undefined : text);
  }

  async #index(): Promise<Index> {
    const { mtimeMs: changedMs } = await stat(this.folder);
    if (this.#kept?.changedMs === changedMs) return this.#kept.index;
    const text = indexText(this.folder);
    const index = { text, tag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"` };
    this.#kept = Date.now() - changedMs > SETTLED_MS ? { index, changedMs } : undefined;
    return index;
  }
}
