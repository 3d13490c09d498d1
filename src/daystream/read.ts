/** The log for programs: an async iterator of transactions, by the reader that the mirror uses. */
import { DeltaError } from '../errors.js';
import { ChangeDecoder, type Change } from './change.js';
import { linesOf } from './lines.js';
import type { Lsn } from './lsn.js';
import { isOriginal, OriginalReader } from './original.js';
import { patiently } from './patience.js';
import { ORIGIN, parsePosition, comparePositions, type Position } from './position.js';
import { LogReader, type Place, type UnitReader } from './reader.js';
import { findLine, seekPosition, seekStart, segmentFor, segmentsOf } from './seek.js';
import type { Transport } from './transport.js';
import { openTransport } from './transports/open.js';
import type { Epoch, Transaction, Unit } from './unit.js';

/** The net under the folder's own word that there is more. */
export const POLL_MS = 1000;

export interface ReadOptions {
  /** Position (`clock:sequence`) from which on; the log's start when absent. */
  readonly from?: string;
  /** True: at the end of the log, wait for more instead of ending. */
  readonly follow?: boolean;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /** Holds what the server of an http source is shown; else DAYSTREAM_TOKEN, where it is set. */
  readonly tokenFile?: string;
  /** True: it is shown also where others can read it, by http:// on another machine; else that is refused. */
  readonly insecure?: boolean;
  /** Told once that a source is waited for and why, and once that it is there again. */
  readonly tell?: (text: string) => void;
}

export interface LogTransaction {
  /** Positions of its first and last line. */
  readonly first: Position;
  readonly last: Position;
  /** 64-bit; 0 where `epoch` is there. */
  readonly xid: bigint;
  /**
   * Where the server's history broke: the changes are what the new one differs in from all before. LSNs, xids
   * and oids begin anew; a table is the one that had its name, a column the one that had its.
   */
  readonly epoch?: number;
  /** Commit record; undefined in a log of the original format, as is the time. */
  readonly commitLsn: Lsn | undefined;
  /** µs since 1970 UTC. */
  readonly commitTimeUs: bigint | undefined;
  /** Its changes in order, read block by block: memory stays bounded however large it is. Good until the next transaction is asked for. */
  changes(): AsyncGenerator<Change>;
}

/**
 * The transactions of the log at a source (a folder, or a URL of ssh, http or https), whole
 * and verified, in commit order. Copies of
 * tables are passed over: a program that goes by changes alone reads of a `stale` change
 * that it does not have them all. Throws DeltaError: log-missing, log-damaged, log-foreign
 * (another format version), usage (a malformed position or URL), connection and config (a remote
 * source that never answered, or refuses); one that answered before is waited for.
 */
export async function* readTransactions(source: string, options: ReadOptions = {}): AsyncGenerator<LogTransaction> {
  const signal = options.signal ?? new AbortController().signal;
  const transport = openTransport(source, { tell: options.tell ?? (() => {}), signal, tokenFile: options.tokenFile, insecure: options.insecure });
  try {
    const reader = await openReader(transport, options.from === undefined ? undefined : parsePosition(options.from));
    while (!signal.aborted) {
      const units = await reader.next();
      for (const unit of units) if (isChanging(unit)) yield toPublic(transport, unit);
      if (units.length > 0) continue;
      if (options.follow !== true) {
        for (const unit of reader.finish()) if (isChanging(unit)) yield toPublic(transport, unit);
        return;
      }
      await reader.wait(POLL_MS, signal);
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error; // else it was ended while it waited for the source
  } finally {
    await transport.close();
  }
}

/** A reader from a position on (the log's start when undefined), for either format. */
export function openReader(transport: Transport, from: Position | undefined): Promise<UnitReader> {
  return patiently(transport, () => readerFrom(transport, from));
}

async function readerFrom(transport: Transport, from: Position | undefined): Promise<UnitReader> {
  const [oldest] = await segmentsOf(transport);
  if (!(await isOriginal(transport, oldest))) {
    const place = from === undefined || comparePositions(from, ORIGIN) === 0 ? await seekStart(transport) : await seekPosition(transport, from);
    return new LogReader(transport, place);
  }
  return new OriginalReader(transport, await seekOriginal(transport, oldest, from ?? ORIGIN));
}

async function seekOriginal(transport: Transport, oldest: string, from: Position): Promise<Place> {
  if (comparePositions(from, ORIGIN) === 0) return { segment: oldest, offset: 0, crc: 0, position: ORIGIN };
  const segment = await segmentFor(transport, from);
  return { segment, offset: await findLine(transport, segment, from), crc: 0, position: ORIGIN };
}

function isChanging(unit: Unit): unit is Transaction | Epoch {
  return unit.kind === 'transaction' || unit.kind === 'epoch';
}

function toPublic(transport: Transport, unit: Transaction | Epoch): LogTransaction {
  const { first, last } = unit;
  async function* changes(): AsyncGenerator<Change> {
    const decoder = new ChangeDecoder();
    for await (const block of linesOf(transport, unit)) {
      try {
        yield* decoder.decode(block);
      } catch (error) {
        if (!(error instanceof DeltaError)) throw error;
        throw new DeltaError(error.code, `${transport.place}/${unit.segment}:${unit.start}: ${error.message}`, { hint: error.hint, cause: error });
      }
    }
  }
  if (unit.kind === 'epoch') return { first, last, xid: 0n, epoch: unit.epoch, commitLsn: undefined, commitTimeUs: unit.timestampUs, changes };
  return { first, last, xid: unit.xid, commitLsn: unit.commitLsn, commitTimeUs: unit.commitTimeUs, changes };
}
