/**
 * What Postgres has to send again after a restart: the transactions of the log behind the
 * LSN that it was told to forget up to. They are dropped, but only as the very ones that
 * the log has. A server that was restored from a backup, or that lost commits, sends
 * others or leaves some out, and its new commits would pass for repeats (P1).
 */
import { DeltaError } from '../errors.js';
import { linesBackward, readOpenLine } from './backward.js';
import { formatLsn, parseLsn, type Lsn } from './lsn.js';
import { LogReader, type Place } from './reader.js';
import { reconcileHint } from './reconcile-hint.js';
import { decodeHeader, text } from './segment.js';
import type { Transport } from './transport.js';

/** A transaction as it is known again: behind a restored checkpoint another one gets its very xid and LSN, but not its time too. */
export interface Repeat {
  /** In the spelling of a line: the xid, the commit time in µs, the end of the commit record, and how many rows. */
  readonly xid: string;
  readonly timestampUs: string;
  readonly lsn: string;
  readonly rows: string;
  /** It says what tables are, or which need a copy. Of pgoutput what it has then depends on what is known of the catalog when it comes, so its rows may be others. */
  readonly hasShapes: boolean;
}

export class Repeats {
  readonly #place: string;
  /** By xid, place and time. One without rows may be left out, as when another message prefix is asked for. */
  readonly #expected: Map<string, Repeat>;
  #isOver: boolean;

  private constructor(place: string, expected: Map<string, Repeat>, isOver: boolean, readonly confirmed: Lsn, private readonly slot: string) {
    this.#place = place;
    this.#expected = expected;
    this.#isOver = isOver;
  }

  /** The transactions of the log, which ends at `end`, whose commit record ends behind `confirmed`. */
  static async read(transport: Transport, confirmed: Lsn, end: Lsn, slot: string): Promise<Repeats> {
    const expected = new Map<string, Repeat>();
    if (confirmed >= end) return new Repeats(transport.place, expected, true, confirmed, slot);
    const start = await placeBehind(transport, confirmed);
    const reader = start && new LogReader(transport, start);
    for (let units = await reader?.next() ?? []; reader !== undefined && units.length > 0; units = await reader.next()) {
      for (const unit of units) {
        if (unit.kind !== 'transaction') continue;
        const { xid, commitTimeUs, endLsn, rows, schemas, reload, offer } = unit;
        const repeat = { xid: String(xid), timestampUs: String(commitTimeUs), lsn: formatLsn(endLsn ?? 0n), rows: String(rows), hasShapes: schemas + reload.length + offer.length > 0 };
        expected.set(keyOf(repeat), repeat);
      }
    }
    return new Repeats(transport.place, expected, false, confirmed, slot);
  }

  /**
   * Takes a transaction that was dropped. Throws DeltaError log-foreign where it has rows and
   * the log does not have it so; without rows it may be new, as when more message prefixes are
   * asked for.
   */
  take(repeat: Repeat): void {
    const inLog = this.#expected.get(keyOf(repeat));
    const isSame = inLog !== undefined && (inLog.rows === repeat.rows || inLog.hasShapes || repeat.hasShapes);
    if (isSame) this.#expected.delete(keyOf(repeat));
    else if (inLog !== undefined || repeat.rows !== '0') {
      throw this.#lost(`Postgres sends transaction ${repeat.xid} (${repeat.lsn}), which is not in the log, at a place that the log is past`);
    }
  }

  /** True once the server is past the log's end, with all that had to come again. Until then it may be another one than the log's, and is told to forget nothing. */
  get isOver(): boolean { return this.#isOver; }

  /** The server is past the log's end. Throws DeltaError log-foreign where a transaction with rows did not come again. */
  end(): void {
    if (this.#isOver) return;
    for (const { xid, lsn, rows } of this.#expected.values()) {
      if (rows !== '0') throw this.#lost(`holds transaction ${xid} (${lsn}), which Postgres does not have`);
    }
    this.#isOver = true;
  }

  #lost(what: string): DeltaError {
    return new DeltaError('log-foreign', `${this.#place}: ${what}: the server was restored, or lost commits in a failover`, {
      hint: reconcileHint(this.slot, this.#place),
    });
  }
}

function keyOf({ xid, timestampUs, lsn }: Repeat): string {
  return `${xid}@${lsn}@${timestampUs}`;
}

/** Behind the last commit up to `confirmed`, or where history broke: what stands above is never sent again. Undefined where the log is empty. */
async function placeBehind(transport: Transport, confirmed: Lsn): Promise<Place | undefined> {
  let start: Place | undefined;
  for (const segment of (await transport.list()).reverse()) {
    for await (const { line, end, crc } of linesBackward(transport, segment, 'commit', await transport.size(segment))) {
      // The commit of an epoch has no xid.
      if (!line.own.has('_xid') || parseLsn(text(line, '_lsn')) <= confirmed) return { segment, offset: end, crc, position: line.position };
    }
    const { previous, previousCrc } = decodeHeader((await readOpenLine(transport, segment)).line);
    start = { segment, offset: 0, crc: previousCrc, position: previous };
  }
  return start;
}
