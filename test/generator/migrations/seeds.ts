/** Any number of seeds, a batch at a time. */
import { CHANGES } from './life.js';
import { sumOf, World, type Setting } from './world.js';

/** So many live side by side: enough to keep two processors busy. */
const BATCH = 40;

export interface Result {
  readonly seeds: number;
  readonly rows: number;
  /** Changes of the schema that went through, by kind. */
  readonly done: ReadonlyMap<string, number>;
  /** What differed; each names its seed. */
  readonly failures: readonly string[];
}

/** Runs `count` seeds from `from` on and tells of each batch. What fails does not end the run. */
export async function runMigrations(from: number, count: number, setting: Setting, say: (text: string) => void): Promise<Result> {
  const total = { seeds: 0, statements: 0, tables: 0, rows: 0, kills: 0 };
  const failures: string[] = [];
  let done = new Map<string, number>();
  let world = await World.start(setting, BATCH);
  try {
    while (total.seeds < count) {
      const seeds = Array.from({ length: Math.min(BATCH, count - total.seeds) }, (_, i) => from + total.seeds + i);
      try {
        const outcome = await world.run(seeds);
        for (const what of ['statements', 'tables', 'rows', 'kills'] as const) total[what] += outcome[what];
        done = sumOf([done, outcome.done]);
      } catch (error) {
        failures.push((error as Error).message);
        say(failures.at(-1)!);
        await world.end(); // what is left of it proves nothing
        world = await World.start(setting, BATCH);
      }
      total.seeds += seeds.length;
      const changes = [...done.values()].reduce((sum, n) => sum + n, 0);
      say(`${total.seeds} of ${count} seeds: ${total.statements} statements, ${changes} of them changes of the schema, ${total.kills} kills of deltastream; ${total.rows} rows of ${total.tables} tables equal${failures.length === 0 ? '' : `; ${failures.length} FAILED`}`);
    }
  } finally {
    await world.end();
  }
  return { seeds: total.seeds, rows: total.rows, done, failures };
}

/** Kinds of change that never went through: what they would prove is not proven. */
export function undone(done: ReadonlyMap<string, number>): string[] {
  return Object.keys(CHANGES).filter((kind) => !done.has(kind));
}
