/** What the person at the terminal sees while it runs: changes of state, and how far it is. */
import { grouped, sizeText } from '../cli.js';
import { formatPosition } from '../daystream/position.js';
import type { Writer } from '../daystream/writer.js';
import type { SlotHealth } from '../postgres/slot-health.js';
import { brief } from './health-words.js';

const LIVE_INTERVAL_MS = 1_000;
const PLAIN_INTERVAL_MS = 60_000;
const ERASE_LINE = '\r\x1b[K';

/** Where it goes: standard error, or what a test reads. */
export interface ReportOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** On a terminal one line that changes; elsewhere a plain line a minute, when there was anything. */
export class Report {
  readonly #output: ReportOutput;
  readonly #live: boolean;
  #timer: NodeJS.Timeout | undefined;
  #rows = 0;
  #bytes = 0;
  #beside: string | undefined;
  /** Of the session that follows, for whoever else asks. */
  writer: Writer | undefined;
  lagBytes: () => number | undefined = () => undefined;
  /** As it was looked at last. */
  health: SlotHealth | undefined;
  isFollowing = false;
  /** Is told how long each sync took. */
  synced: (seconds: number) => void = () => {};

  constructor(output: ReportOutput = process.stderr) {
    this.#output = output;
    this.#live = output.isTTY === true;
  }

  /** A change of state: one line. */
  tell(text: string): void {
    this.#output.write(`${this.#live ? ERASE_LINE : ''}deltastream: ${text}\n`);
  }

  /** What goes on beside, until it is over. */
  show(text: string | undefined): void {
    this.#beside = text;
  }

  /** What the slot holds back. */
  keep(health: SlotHealth): void {
    this.health = health;
  }

  /** Shows how the writer gets on, until `stop`. `lagBytes` is of WAL; undefined: not known. */
  start(writer: Writer, lagBytes: () => number | undefined): void {
    this.writer = writer;
    this.lagBytes = lagBytes;
    this.isFollowing = true;
    clearInterval(this.#timer);
    const interval = this.#live ? LIVE_INTERVAL_MS : PLAIN_INTERVAL_MS;
    this.#timer = setInterval(() => this.#show(writer, interval, lagBytes()), interval);
  }

  /** Nothing is followed until the next `start`. */
  ended(): void {
    this.isFollowing = false;
  }

  stop(): void {
    clearInterval(this.#timer);
    if (this.#live) this.#output.write(ERASE_LINE);
  }

  #show(writer: Writer, intervalMs: number, lagBytes: number | undefined): void {
    const { rows, bytes, position } = writer.stats;
    const text = `${formatPosition(position)}  ${count(rows)} rows (${count((rows - this.#rows) * 1000 / intervalMs)}/s)  ${sizeText(bytes)}${lagBytes === undefined ? '' : `  lag ${sizeText(lagBytes)}`}${[this.health && brief(this.health), this.#beside].map((more) => (more === undefined ? '' : `  ${more}`)).join('')}`;
    if (this.#live) this.#output.write(`${ERASE_LINE}${text}`);
    else if (bytes !== this.#bytes) this.tell(text);
    this.#rows = rows;
    this.#bytes = bytes;
  }
}

function count(value: number): string {
  return grouped(Math.round(value));
}
