/** Any number of seeds, a batch at a time. */
import type { Partitions } from './equality.js';
import { World, type Outcome } from './world.js';

/** So many live side by side: enough to keep two processors busy. */
const BATCH = 40;

export interface Result extends Outcome {
  readonly seeds: number;
  /** What differed; each begins with what to type to see it again. */
  readonly failures: readonly string[];
}

/** Runs `count` seeds from `from` on and tells of each batch. What fails does not end the run. */
export async function runSeeds(from: number, count: number, partitions: Partitions, say: (text: string) => void): Promise<Result> {
  const total = { seeds: 0, statements: 0, changes: 0, rows: 0, chosen: 0, untold: 0 };
  const failures: string[] = [];
  let world = await World.start(partitions);
  try {
    while (total.seeds < count) {
      const seeds = Array.from({ length: Math.min(BATCH, count - total.seeds) }, (_, i) => from + total.seeds + i);
      try {
        const { statements, changes, rows, chosen, untold } = await world.run(seeds);
        total.statements += statements;
        total.changes += changes;
        total.rows += rows;
        total.chosen += chosen;
        total.untold += untold;
      } catch (error) {
        failures.push((error as Error).message);
        say(failures.at(-1)!);
        await world.end(); // what is left of it proves nothing
        world = await World.start(partitions);
      }
      total.seeds += seeds.length;
      say(`${total.seeds} of ${count} seeds: ${total.statements} statements, ${total.changes} changes like test_decoding's, ${total.rows} rows equal in three caches, ${total.chosen} in one that chose, of which ${total.untold} tables were brought back${failures.length === 0 ? '' : `; ${failures.length} FAILED`}`);
    }
  } finally {
    await world.end();
  }
  return { ...total, failures };
}
