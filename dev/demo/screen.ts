/** What the demo shows: a screen that is drawn anew on a terminal, a line a second elsewhere. */
import type { Cache } from '../../src/sqlite/open.js';
import type { Reading } from './meter.js';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const REST_OF_LINE = '\x1b[K';
const REST_OF_SCREEN = '\x1b[J';
const FRAME_MS = 200;
const LINE_MS = 1000;

const QUERIES = [
  "SELECT id, origin, dest, alt, speed FROM flights\nWHERE state = 'descending' ORDER BY alt, id LIMIT 5",
  'SELECT state, count(*) AS flights, CAST(avg(alt) AS INTEGER) AS feet\nFROM flights GROUP BY state',
] as const;

export interface View {
  readonly title: string;
  /** What was typed to come here. */
  readonly typed: readonly string[];
  readonly cachePath: string;
  readonly cache: Cache;
}

export class Screen {
  readonly #out = process.stdout;
  readonly #live = process.stdout.isTTY === true;
  readonly #startedMs = performance.now();
  #timer: NodeJS.Timeout | undefined;

  /** A line that stays. */
  say(text: string): void {
    this.#out.write(`${text}\n`);
  }

  /** Shows how it goes, until `stop`. */
  start(view: View, read: () => Reading): void {
    if (this.#live) this.#out.write(ENTER);
    const draw = () => this.#out.write(this.#live ? this.#frame(view, read()) : this.#line(view, read()));
    this.#timer = setInterval(draw, this.#live ? FRAME_MS : LINE_MS);
  }

  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#live) this.#out.write(LEAVE);
  }

  #frame({ title, typed, cachePath, cache }: View, reading: Reading): string {
    const lines = [
      `${bold(title)}   ${this.#elapsed()}`,
      '',
      ...typed.map((line) => dim(`$ ${line}`)),
      '',
      `${dim('arriving')}  ${bold(count(reading.rowsPerSecond))} rows/s   ${dim('lag')}  p50 ${bold(reading.p50Ms.toFixed(1))} ms   p99 ${bold(reading.p99Ms.toFixed(1))} ms   ${dim('COMMIT sent → read in SQLite, last 5 s')}`,
      '',
      dim(`$ sqlite3 ${cachePath}`),
      ...QUERIES.flatMap((query) => [...prompt(query), ...table(cache.prepare<[], Record<string, string | number>>(query).all()), '']),
      dim('Open the file yourself in another window. Ctrl-C ends the demo and removes all of it.'),
    ];
    const { rows, columns } = this.#out;
    return HOME + lines.slice(0, rows - 1).map((line) => cut(line, columns) + REST_OF_LINE).join('\r\n') + REST_OF_SCREEN;
  }

  #line({ cache }: View, { rowsPerSecond, p50Ms, p99Ms }: Reading): string {
    const states = cache.prepare<[], { text: string }>("SELECT count(*) || ' ' || state AS text FROM flights GROUP BY state").all();
    return `${this.#elapsed()}  ${count(rowsPerSecond)} rows/s  lag p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms  flights: ${states.map(({ text }) => text).join(', ')}\n`;
  }

  #elapsed(): string {
    return `${Math.round((performance.now() - this.#startedMs) / 1000)} s`;
  }
}

/** A statement as it looks typed into sqlite3. */
function prompt(query: string): string[] {
  return `${query};`.split('\n').map((line, i) => `${dim(i === 0 ? 'sqlite>' : '   ...>')} ${line}`);
}

/** Rows as sqlite3's column mode prints them. */
function table(rows: readonly Record<string, string | number>[]): string[] {
  const names = Object.keys(rows[0] ?? {});
  const widths = names.map((name) => Math.max(name.length, ...rows.map((row) => String(row[name]).length)));
  const line = (cells: readonly string[]) => cells.map((cell, i) => cell.padEnd(widths[i])).join('  ').trimEnd();
  return [dim(line(names)), dim(line(widths.map((width) => '-'.repeat(width)))), ...rows.map((row) => line(names.map((name) => String(row[name]))))];
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** The first `columns` characters that show; escapes take no room. */
function cut(line: string, columns: number): string {
  let shown = 0;
  return line.replace(/\x1b\[[0-9]*m|[^\x1b]/g, (part) => (part.length > 1 || shown++ < columns ? part : ''));
}

function bold(text: string): string { return styled(1, text); }
function dim(text: string): string { return styled(2, text); }

function styled(style: number, text: string): string {
  return process.env.NO_COLOR ? text : `\x1b[${style}m${text}\x1b[0m`;
}
