/** The middle: the cache follows while the database is used, and a line a second says how. */
import { setTimeout as sleep } from 'node:timers/promises';
import { plural } from '../cli.js';
import { Meter, type Reading } from './meter.js';
import type { Program } from './program.js';
import { figures, type Lag } from './report.js';
import type { Setting } from './setting.js';

const LINE_MS = 1_000;
/** What the person should know at once of what a mirror says. */
const NEWS = /goes into quarantine|waits for a copy/;

export interface Followed {
  readonly followedSeconds: number;
  readonly arrived: Reading;
  readonly heartbeats: Lag;
  /** It goes on: the proof needs it. */
  readonly mirror: Program;
}

/** Until the seconds are over or somebody has seen enough. Rejects when the mirror ends. */
export async function follow({ start, cache, log, env, tell, signals }: Setting, seconds: number, offsetMs: number): Promise<Followed> {
  const mirror = start('deltamirror', [cache], { env, tell: (line) => { if (NEWS.test(line)) tell(line); } });
  const meter = new Meter(log, cache, offsetMs);
  const startedMs = performance.now();
  const elapsed = () => (performance.now() - startedMs) / 1000;
  let rows = 0;
  const lines = setInterval(() => {
    const { all } = meter;
    const recent = meter.recent();
    tell(`${elapsed().toFixed(0)} s  ${all.rows === rows ? 'nothing new' : `${plural(all.rows - rows, 'row')}, lag ${figures(recent)}`}  (${plural(all.rows, 'row')} in all)`);
    rows = all.rows;
  }, LINE_MS);
  try {
    const ended = sleep(seconds * 1000, undefined, { signal: signals.enough }).catch(() => {}); // somebody has seen enough
    await Promise.race([ended, mirror.failed()]);
    return { followedSeconds: elapsed(), arrived: meter.all, heartbeats: meter.heartbeats, mirror };
  } finally {
    clearInterval(lines);
    await meter.close();
  }
}
