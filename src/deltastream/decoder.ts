/** What makes lines of the log of what a slot sends: our plugin has made them already, what pgoutput sends is translated. */
import { ORIGIN } from '../daystream/position.js';
import type { Writer } from '../daystream/writer.js';
import { PGOUTPUT } from '../postgres/slot.js';
import { pluginOptions, type StreamOptions } from './options.js';
import type { Source } from './source.js';

export interface Decoder {
  /** Of the plugin, for this connection. */
  readonly options: Readonly<Record<string, string>>;
  /** It keeps messages for longer than until the next ones are asked for. */
  readonly isKept: boolean;
  /** Appends the lines. Where it gives a promise, the next message waits for it, and after a stop nothing more is given. */
  take(message: Buffer): Promise<void> | void;
  close(): void;
}

export async function openDecoder(source: Source, writer: Writer, options: StreamOptions, stop: AbortSignal): Promise<Decoder> {
  const append = (lines: Buffer) => writer.append(lines);
  if (options.plugin !== PGOUTPUT) return { options: pluginOptions(options), isKept: false, take: append, close() {} };
  const { openSession } = await import('./pgoutput/session.js'); // loaded where it is needed: a start is to be short
  const { translator, ...session } = await openSession(source.replication, options, { isNew: writer.stats.position.clock === ORIGIN.clock, lsn: writer.lsn }, stop);
  return { options: session.options, isKept: true, take: (message) => translator.take(message, append), close: session.close };
}
