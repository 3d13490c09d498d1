/** One table's copy, from its first look at the table to the last part in the log. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CopyPart } from '../daystream/copy-part.js';
import type { Need } from '../daystream/due.js';
import { isFollowed, written } from '../daystream/pattern.js';
import type { Writer } from '../daystream/writer.js';
import { oneLine, plural, sizeText } from '../cli.js';
import type { CopySource, CopyTable, Examined, TakenSnapshot } from '../postgres/copy-source.js';
import type { StreamOptions } from './options.js';
import { headLines, refusalLine, RowLines } from './reload-lines.js';
import { refusalOf, textRefusalOf, unreadable, type Refusal } from './reload-refusal.js';

/** A part is ended by the row that makes it this large. */
const PART_BYTES = 1 << 20;
/** What goes into the log of a copy, at most: mirrors apply it beside the changes of the other tables. */
const RELOAD_BYTES_PER_SECOND = 16 << 20;
/** When a transaction in the log was not yet visible. */
const SNAPSHOT_RETRY_MS = 200;
const LSN_POLL_MS = 20;
/** How often the server is asked how far it has sent, and when its WAL is made durable. */
const HASTEN_MS = 200;
const FLUSH_AFTER_MS = 1_000;

/** What a copy needs of the run that it is part of. */
export interface Host {
  readonly writer: Writer;
  readonly options: Pick<StreamOptions, 'tables' | 'partitions' | 'reloadLimitBytes'>;
  readonly signal: AbortSignal;
  /** Does something where no transaction is open, and nothing is appended until it is done. */
  between<Result>(act: () => Promise<Result> | Result): Promise<Result>;
  /** Asks for a horizon now. */
  hasten(): void;
  tell(text: string): void;
  /** What it is at, for whoever looks on. */
  show(text: string | undefined): void;
}

/** Copies the table, refuses it, or forgets it where it is gone or not followed. Throws where it has to be begun anew: what Postgres throws, DeltaError `busy` where the table is locked. */
export async function copyTable(source: CopySource, need: Need, host: Host): Promise<void> {
  await waitFor(() => host.writer.hasAllAgain, source, host);
  const asked = host.writer.due.askedOf(need.oid);
  const found = await source.examine(need.oid, host.options.partitions);
  host.signal.throwIfAborted();
  if (found === undefined || !isFollowed(host.options.tables, found.table.schema, found.table.table)) {
    host.writer.due.forget(need.oid, asked);
    return;
  }
  const refusal = refusalOf(found, source.role, host.options.reloadLimitBytes);
  if (refusal !== undefined) return refuse(found.table, need, asked, refusal, host);
  try {
    await new TableCopy(source, found, need, host).run();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    await refuse(found.table, need, host.writer.due.askedOf(need.oid), error.refusal, host);
  }
}

/** Says in the log that the table is not copied, and why. */
async function refuse(table: CopyTable, need: Need, asked: number, { reason, cure }: Refusal, host: Host): Promise<void> {
  await host.between(() => {
    if (asked !== host.writer.due.askedOf(need.oid)) throw new ChangedMeanwhile(nameOf(table));
    host.writer.copy({ ...need, id: newId(), part: 0, body: refusalLine(table, reason, cure), rows: 0, isLast: true });
  });
  host.tell(`copy of ${nameOf(table)}: refused: ${oneLine(reason)}${cure === '' ? '' : ` — ${oneLine(cure)}`}`);
}

/** Waits until the log has come so far. On an idle system nobody but us brings that about. */
async function waitFor(hasCome: () => boolean, source: CopySource, { signal, hasten }: Host): Promise<void> {
  let flushed = false;
  for (let waitedMs = 0; !hasCome(); waitedMs += LSN_POLL_MS) {
    if (waitedMs % HASTEN_MS === 0) hasten();
    if (waitedMs >= FLUSH_AFTER_MS && !flushed) {
      flushed = true;
      await source.flushWal().catch(() => {}); // not allowed everywhere: then the server does it in its time
    }
    await sleep(LSN_POLL_MS, undefined, { signal });
  }
}

class TableCopy {
  readonly #id = newId();
  readonly #table: CopyTable;
  readonly #lines: RowLines;
  readonly #startedMs = performance.now();
  #parts = 0;
  #rows = 0;
  #bytes = 0;
  #textBytes = 0;
  #waiting: Buffer[] = [];
  #waitingRows = 0;
  #waitingBytes = 0;
  /** The parts that are on their way, in order. */
  #appended: Promise<void> = Promise.resolve();
  #mayAppendMs = 0;
  #over = false;

  constructor(private readonly source: CopySource, private readonly found: Examined, private readonly need: Need, private readonly host: Host) {
    this.#table = found.table;
    this.#lines = new RowLines(found.table);
  }

  async run(): Promise<void> {
    try {
      const snapshot = await this.#begin();
      this.host.tell(`copy of ${nameOf(this.#table)} (${sizeText(this.found.bytes)}): goes into the log`);
      await this.#requireSame();
      await this.#read();
      await this.source.release(); // no longer than the rows are read: VACUUM waits for it, and ALTER
      await this.#appended;
      // All that the snapshot sees.
      await waitFor(() => this.host.writer.lsn >= snapshot.lsn, this.source, this.host);
      await this.#append(this.#nextPart(true));
    } finally {
      this.#over = true;
      this.host.show(undefined);
    }
    this.host.tell(`copy of ${nameOf(this.#table)}: ${plural(this.#rows, 'row')}, ${sizeText(this.#bytes)} in ${((performance.now() - this.#startedMs) / 1000).toFixed(1)} s`);
  }

  /** Takes the snapshot and writes part 0 in one moment in which nothing is appended: all that stands above is visible in it. */
  async #begin(): Promise<TakenSnapshot> {
    const { source, host, need } = this;
    for (;;) {
      await host.between(() => undefined); // the lock is not held while a large transaction goes by
      await source.hold(this.#table);
      const snapshot = await host.between(async () => {
        const taken = await source.snapshot(this.#table);
        if (taken === undefined) throw new ChangedMeanwhile(nameOf(this.#table));
        const first = { ...need, id: this.#id, part: 0, snapshot: taken.text, body: headLines(this.#table), rows: 0, isLast: false };
        return host.writer.copy(first) ? taken : undefined;
      });
      if (snapshot !== undefined) {
        this.#parts = 1;
        return snapshot;
      }
      await source.release();
      await sleep(SNAPSHOT_RETRY_MS, undefined, { signal: host.signal });
    }
  }

  /** What part 0 says was asked before the snapshot was taken: throws where it is not what the snapshot sees. */
  async #requireSame(): Promise<void> {
    const seen = await this.source.describe(this.#table, this.host.options.partitions);
    if (seen === undefined || !headLines(seen).equals(headLines(this.#table))) throw new ChangedMeanwhile(nameOf(this.#table));
  }

  async #read(): Promise<void> {
    let sent: number;
    try {
      sent = await this.source.rows(this.#table, (block) => this.#take(block));
    } catch (error) {
      const refusal = unreadable(this.#table, error);
      throw refusal === undefined || this.host.signal.aborted ? error : new Unreadable(refusal);
    }
    if (!(await this.source.isStillNamed(this.#table))) throw new ChangedMeanwhile(nameOf(this.#table));
    const read = this.#rows + this.#waitingRows;
    if (sent !== read) throw new MissingRows(`${nameOf(this.#table)}: ${read} of ${sent} rows were read`);
  }

  #take(block: Buffer): Promise<void> | undefined {
    this.#textBytes += block.length;
    const refusal = textRefusalOf(this.#textBytes, this.host.options.reloadLimitBytes);
    if (refusal !== undefined) throw new Unreadable(refusal);
    const { lines, rows } = this.#lines.encode(block);
    this.#waiting.push(lines);
    this.#waitingRows += rows;
    this.#waitingBytes += lines.length;
    if (this.#waitingBytes < PART_BYTES) return undefined;
    const part = this.#nextPart(false);
    this.#appended = this.#appended.then(() => this.#append(part));
    return this.#appended;
  }

  #nextPart(isLast: boolean): CopyPart {
    const body = Buffer.concat(this.#waiting.splice(0));
    const part = { ...this.need, id: this.#id, part: this.#parts++, body, rows: this.#waitingRows, isLast };
    this.#rows += part.rows;
    this.#bytes += body.length;
    this.#waitingRows = this.#waitingBytes = 0;
    return part;
  }

  async #append(part: CopyPart): Promise<void> {
    await sleep(Math.max(0, this.#mayAppendMs - performance.now()), undefined, { signal: this.host.signal });
    // What was on its way when the copy failed does not go into the log.
    await this.host.between(() => !this.#over && this.host.writer.copy(part));
    this.#mayAppendMs = performance.now() + part.body.length / RELOAD_BYTES_PER_SECOND * 1000;
    this.host.show(`copying ${nameOf(this.#table)}: ${plural(this.#rows, 'row')}, ${sizeText(this.#bytes)} of about ${sizeText(this.found.bytes)}`);
  }
}

/** A schema change came between the first look and the snapshot: the copy begins anew. */
export class ChangedMeanwhile extends Error {}

/** The rows cannot be copied, and could not be at another try. */
class Unreadable extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.reason);
  }
}

/** A bug of ours: COPY sent more rows than were read. */
class MissingRows extends Error {}

function nameOf({ schema, table }: CopyTable): string {
  return oneLine(written(schema, table));
}

let lastId = 0;

/** Microseconds since 1970, never the same twice. */
function newId(): string {
  lastId = Math.max(lastId + 1, Date.now() * 1000);
  return String(lastId);
}
