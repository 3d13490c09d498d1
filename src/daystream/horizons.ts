import { linesBackward } from './backward.js';
import { followingOf, type Following } from './following.js';
import { parseLsn, type Lsn } from './lsn.js';
import type { Position } from './position.js';
import { text } from './segment.js';
import type { Transport } from './transport.js';

/** A horizon of the log: a mark from which an import can go on (docs/format.md §4). */
export interface Horizon extends Following {
  readonly segment: string;
  readonly position: Position;
  readonly crc: number;
  readonly lsn: Lsn;
  /** When the source was alive: microseconds since 1970 UTC. */
  readonly timestampUs: bigint;
  /** The text of `pg_current_snapshot()`: every transaction above the horizon is visible in it. */
  readonly snapshot: string | undefined;
}

/** The horizons of the log, the newest first. */
export async function* horizonsBackward(transport: Transport): AsyncGenerator<Horizon> {
  for (const segment of (await transport.list()).reverse()) {
    for await (const { line, crc } of linesBackward(transport, segment, 'horizon', await transport.size(segment))) {
      yield {
        segment,
        position: line.position,
        crc,
        lsn: parseLsn(text(line, '_lsn')),
        timestampUs: BigInt(text(line, '_ts')),
        snapshot: line.own.get('_snapshot') ?? undefined,
        ...followingOf(line),
      };
    }
  }
}
