/** How an import tells how far it is: bars on a terminal, plain lines elsewhere. */
import { grouped, plural } from '../cli.js';
import { MultiBar, Presets } from 'cli-progress';

export interface Progress {
  /** Called when a table's copy begins. `estimatedRows` is Postgres's guess, 0 when it has none. */
  table(name: string, estimatedRows: number): TableProgress;
  /** One line about the whole. */
  say(line: string): void;
  /** Leaves the terminal as it was. */
  stop(): void;
}

export interface TableProgress {
  at(rows: number): void;
  /** What it does after the rows. */
  doing(what: string): void;
  done(rows: number): void;
}

const BAR_COLUMNS = 16;
const LINE_INTERVAL_MS = 10_000;

export function progressTo(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? bars(stream) : lines(stream);
}

function bars(stream: NodeJS.WriteStream): Progress {
  const bars = new MultiBar({
    stream,
    format: '{name} {bar} {value}/{total} rows · {rate} rows/s · {left}',
    barsize: BAR_COLUMNS,
    hideCursor: true,
    stopOnComplete: false,
    forceRedraw: true,
  }, Presets.shades_classic);
  return {
    say: (line) => bars.log(`${line}\n`),
    stop: () => bars.stop(),
    table: (name, estimatedRows) => {
      const started = performance.now();
      const bar = bars.create(Math.max(1, Math.round(estimatedRows)), 0, { name, rate: '…', left: '' });
      return {
        at: (rows) => {
          const perSecond = rows / (performance.now() - started) * 1000;
          if (rows > bar.getTotal()) bar.setTotal(rows); // the estimate was short
          bar.update(rows, { rate: grouped(Math.round(perSecond)), left: `${Math.ceil((bar.getTotal() - rows) / perSecond)} s left` });
        },
        doing: (what) => bar.update({ left: what }),
        done: (rows) => {
          bar.setTotal(Math.max(1, rows));
          bar.update(rows, { left: 'done' });
        },
      };
    },
  };
}

function lines(stream: NodeJS.WriteStream): Progress {
  const say = (line: string) => { stream.write(`${line}\n`); };
  let lastLine = performance.now();
  return {
    say,
    stop: () => {},
    table: (name, estimatedRows) => {
      const started = performance.now();
      const rate = (rows: number) => Math.round(rows / Math.max(1, performance.now() - started) * 1000);
      return {
        at: (rows) => {
          if (performance.now() - lastLine < LINE_INTERVAL_MS) return;
          lastLine = performance.now();
          say(`${name}: ${rows} of about ${Math.round(estimatedRows)} rows, ${rate(rows)} rows/s`);
        },
        doing: () => {},
        done: (rows) => say(`${name}: ${plural(rows, 'row')}, ${rate(rows)} rows/s`),
      };
    },
  };
}
