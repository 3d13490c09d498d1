/** How much of the log a mirror has before it, and how fast it applies it: for whoever asks how far behind the cache is. */
import type { Place } from '../daystream/reader.js';
import type { Transport } from '../daystream/transport.js';
import type { CachePosition } from '../sqlite/position.js';

export type Behind = Pick<CachePosition, 'behindBytes' | 'bytesPerSecond'>;

export const NOT_BEHIND: Behind = { behindBytes: 0, bytesPerSecond: 0 };

/** The log's end is looked for at most so often. */
const LOOK_EVERY_MS = 1000;

export class Distance {
  readonly #transport: Transport;
  #lookedAt = -Infinity;
  /** Of the log's bytes, from the segment on in which the reader stood then. */
  #end: { readonly segment: string; readonly bytes: number } | undefined;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** At `place`, when `bytes` took `ms`. Never throws: what is wrong with the log is told by who reads it. */
  async behind({ segment, offset }: Pick<Place, 'segment' | 'offset'>, bytes: number, ms: number): Promise<Behind> {
    const now = performance.now();
    if (this.#end?.segment !== segment || now - this.#lookedAt >= LOOK_EVERY_MS) {
      this.#end = await bytesFrom(this.#transport, segment).then((found) => ({ segment, bytes: found }), () => undefined);
      this.#lookedAt = now;
    }
    return { behindBytes: Math.max(0, (this.#end?.bytes ?? 0) - offset), bytesPerSecond: Math.round((bytes * 1000) / Math.max(1, ms)) };
  }
}

/** Bytes of the segments from this one on. */
export async function bytesFrom(transport: Transport, segment: string): Promise<number> {
  const names = await transport.list();
  let bytes = 0;
  for (const name of names.slice(Math.max(0, names.indexOf(segment)))) bytes += await transport.size(name);
  return bytes;
}
