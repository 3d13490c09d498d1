/**
 * Writes an epoch (docs/format.md §3): a segment of its own, which readers see when all of
 * it is durable, the horizon behind it too. Until then the log is as it was.
 */
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { encodePairs } from './codec.js';
import { Due } from './due.js';
import { followingPairs, type Following } from './following.js';
import { formatLsn, type Lsn } from './lsn.js';
import type { Position } from './position.js';
import { PositionedFile } from './positioned-file.js';
import type { LogEnd } from './recovery.js';
import { encodeHeader, epochSegmentName, type LogIdentity } from './segment.js';
import { SegmentFile, TEMPORARY } from './segment-file.js';
import { realFiles, type WriterFiles } from './writer-files.js';

export interface NewEpoch {
  readonly identity: LogIdentity;
  /** Where the new slot begins. */
  readonly lsn: Lsn;
  /** Of the slot, as `pg_current_snapshot()` prints it: what comes behind is not visible in it. */
  readonly snapshot: string;
  readonly timestampUs: bigint;
  readonly following: Following;
}

/** Tables of which a copy has to follow, by their oids. */
export interface Needed {
  readonly reload: readonly number[];
  readonly offer: readonly number[];
}

const ROW = /^(?:_schema\t[^\t]*\t)?_table\t[^\t]*\t_action\t(\w+)/;

export class EpochWriter {
  readonly #path: string;
  readonly #given: NewEpoch;
  readonly #epoch: number;
  readonly #file: SegmentFile;
  readonly #lines: PositionedFile;
  #rows = 0;
  #schemas = 0;

  /** Behind the log's end, whose torn tail is cut. The caller holds the folder. */
  constructor(directory: string, end: LogEnd, given: NewEpoch, files: WriterFiles = realFiles) {
    const { place, header } = end;
    // The clock of the line before would go on with its sequence; a new segment begins a new one.
    const clock = Math.max(Math.floor(Date.now() / 1000), place.position.clock + 1);
    this.#given = given;
    // Two attempts never have one number, also where a power loss took the first.
    this.#epoch = Math.max(Date.now() * 1000, header.epoch + 1);
    this.#file = new SegmentFile(resolve(directory), files);
    this.#lines = new PositionedFile(this.#file);
    const name = epochSegmentName(clock, this.#epoch);
    this.#path = join(resolve(directory), name + TEMPORARY);
    this.#file.reopen(place.segment, place.offset, place.crc);
    this.#file.begin(name);
    this.#lines.setClock(clock);
    this.#lines.putLine(Buffer.from(encodeHeader({ ...given.identity, epoch: this.#epoch, lsn: given.lsn, previous: place.position, previousCrc: place.crc })));
    this.#lines.endUnit();
    this.#lines.putLine(Buffer.from(encodePairs([
      ['_action', 'epoch'], ['_epoch', String(this.#epoch)], ['_lsn', formatLsn(given.lsn)], ['_before', formatLsn(end.lsn)], ['_ts', String(given.timestampUs)],
    ])));
    this.#lines.endLine();
  }

  get epoch(): number { return this.#epoch; }
  get rows(): number { return this.#rows; }
  get bytes(): number { return this.#lines.bytes; }

  /** A line that says what a table is; they come before all rows. */
  head(line: string): void {
    if (ROW.exec(line)?.[1] !== 'stale') this.#schemas++;
    this.#put(line);
  }

  /** An insert, update or delete line, or the replace line before an update. */
  row(line: string, counts = true): void {
    if (counts) this.#rows++;
    this.#put(line);
  }

  /** Ends the unit and makes the segment appear; durable when it returns. Gives the position of the unit's last line. */
  finish(needed: Needed): Position {
    const { lsn, snapshot, timestampUs, following } = this.#given;
    const due = new Due();
    due.need(needed.reload, needed.offer);
    this.#lines.putLine(Buffer.from(encodePairs([
      ['_action', 'commit'], ['_rows', String(this.#rows)], ...(this.#schemas === 0 ? [] : [['_schemas', String(this.#schemas)] as const]), ...due.pairs(),
    ])));
    this.#lines.endUnit();
    const position = this.#lines.whole;
    // A copy may join here at once: nothing is above it that the slot's snapshot does not see.
    this.#lines.putLine(Buffer.from(encodePairs([
      ['_action', 'horizon'], ['_lsn', formatLsn(lsn)], ['_ts', String(timestampUs)], ['_snapshot', snapshot], ...followingPairs(following), ...due.pairs(),
    ])));
    this.#lines.endUnit();
    this.#file.publish();
    this.#file.close();
    return position;
  }

  /** Leaves no trace, after a failure. */
  abandon(): void {
    this.#file.close();
    rmSync(this.#path, { force: true });
  }

  #put(line: string): void {
    this.#lines.putLine(Buffer.from(line));
    this.#lines.endLine();
  }
}
