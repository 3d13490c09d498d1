/** What the person at the terminal, or the journal, is told: one live line on a terminal, plain lines at changes of state elsewhere. */
import { oneLine, plural } from '../cli.js';
import { formatLsn } from '../daystream/lsn.js';
import { formatPosition, type Position } from '../daystream/position.js';
import type { Checkpoints, Wal } from '../sqlite/checkpoints.js';
import type { CacheTable, Quarantine } from '../sqlite/tables.js';
import type { Applier } from './applier.js';
import type { TableFault } from './fault.js';
import { WalReport } from './wal-report.js';

const LIVE_EVERY_MS = 200;
const PLAIN_EVERY_MS = 60_000;

/** Where the lines go: a terminal, or anything that takes text. */
export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class Report {
  readonly #out: Output;
  readonly #live: boolean;
  readonly #startedAt = performance.now();
  #printedAt = 0;
  #printedRows = 0;
  #joining = 0;
  readonly #wal = new WalReport();
  #state: 'behind' | 'caught up' | undefined;
  /** Of the mirror that runs. */
  applier: Applier | undefined;
  /** Of the same mirror. */
  checkpoints: Checkpoints | undefined;
  /** Behind what is committed to the cache. */
  committedAt: Position | undefined;

  constructor(out: Output) {
    this.#out = out;
    this.#live = out.isTTY === true;
  }

  /** A line of its own. */
  note(text: string): void {
    this.#out.write(`${this.#live ? '\r\x1b[K' : ''}deltamirror: ${oneLine(text)}\n`);
  }

  started(applier: Applier, source: string, tables: readonly CacheTable[], checkpoints: Checkpoints): void {
    this.applier = applier;
    this.checkpoints = checkpoints;
    this.committedAt = applier.at.position;
    this.note(`following ${source} from ${formatPosition(applier.at.position)}, ${plural(tables.length, 'table')}`);
    if (applier.joining > 0) this.note(`${plural(applier.joining, 'table')} joining: ahead of the others until these have come as far`);
    this.#joining = applier.joining;
    for (const { schema, name, quarantine, waiting } of tables) {
      if (waiting !== undefined) this.note(`${schema}.${name} waits for a copy since ${formatPosition(waiting.position)}: ${waiting.reason}`);
      if (quarantine !== undefined) this.note(`${schema}.${name} is in quarantine since ${formatPosition(quarantine.position)}: ${quarantine.reason} — ${quarantine.cure}`);
    }
  }

  quarantined(applier: Applier, fault: TableFault, quarantine: Quarantine): void {
    this.#joining = applier.joining; // one that joined goes out: it has not joined
    this.note(`${fault.schema}.${fault.table} goes into quarantine at ${formatPosition(quarantine.position)}: ${quarantine.reason} — ${quarantine.cure}`);
  }

  /** After each commit to the cache. */
  committed(applier: Applier, caughtUp: boolean): void {
    this.committedAt = applier.at.position;
    for (const text of applier.notes()) this.note(text);
    if (applier.joining < this.#joining) this.note(`${plural(this.#joining - applier.joining, 'table')} joined`);
    this.#joining = applier.joining;
    const now = performance.now();
    const state = caughtUp ? 'caught up' : 'behind';
    const every = this.#live ? LIVE_EVERY_MS : PLAIN_EVERY_MS;
    const changed = state !== this.#state && (this.#live || this.#state === undefined || state === 'caught up');
    if (now - this.#printedAt < every && !changed) return;
    const seconds = Math.max(now - (this.#printedAt || this.#startedAt), 1) / 1000;
    const rate = Math.round((applier.rows - this.#printedRows) / seconds);
    const text = `${state} at ${formatPosition(applier.at.position)}, ${rate} rows/s${lag(applier)}`;
    if (this.#live) this.#out.write(`\r\x1b[Kdeltamirror: ${text}`);
    else this.note(text);
    this.#state = state;
    this.#printedAt = now;
    this.#printedRows = applier.rows;
  }

  /** At each look at the WAL. */
  looked(wal: Wal): void {
    for (const text of this.#wal.looked(wal)) this.note(text);
  }

  /** The last word: as a line, or as JSON on stdout. */
  ended(applier: Applier, json: boolean): void {
    for (const text of applier.notes()) this.note(text);
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const { position, lsn, commitTimeUs } = applier.at;
    const { transactions, rows, quarantined, waiting, joining } = applier;
    if (json) {
      process.stdout.write(`${JSON.stringify({ position: formatPosition(position), lsn: formatLsn(lsn), commitTimeUs, transactions, rows, quarantined, waiting, joining, seconds })}\n`);
      return;
    }
    const excluded = quarantined === 0 ? '' : `; ${plural(quarantined, 'table')} in quarantine: see SELECT * FROM _daystream_tables`;
    const still = waiting === 0 ? '' : `; ${plural(waiting, 'table')} waiting for a copy`;
    const ahead = joining === 0 ? '' : `; ${plural(joining, 'table')} joining`;
    this.note(`stopped at ${formatPosition(position)}: ${plural(transactions, 'transaction')}, ${plural(rows, 'row')} in ${seconds.toFixed(1)} s${excluded}${still}${ahead}`);
  }
}

/** How old the newest commit in the cache was when it was applied. */
function lag({ at }: Applier): string {
  return at.commitTimeUs === 0 ? '' : `, last commit ${Math.max(0, (Date.now() * 1000 - at.commitTimeUs) / 1e6).toFixed(1)} s ago`;
}
