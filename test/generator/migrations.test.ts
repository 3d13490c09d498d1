import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../support/random.js';
import { runMigrations, undone } from './migrations/seeds.js';

/** How many seeds, by whose names the log has the rows of partitions; each is lived with triggers and without. */
const SEEDS = { root: 80, leaf: 20 } as const;
/** Of some 70 kinds of change chance may leave out so many of the rare ones. */
const RARE = 16;

for (const detection of ['triggers', 'polling'] as const) {
  for (const partitions of ['root', 'leaf'] as const) {
    test(`random changes of schemas beside random changes of rows, known by ${detection}, partitions by the name of their ${partitions}: a live mirror, a late one, one that is killed, one that chose and a fresh import all have what Postgres has`, async (t) => {
      const { seed } = new Random();
      const count = process.env.SEED === undefined ? SEEDS[partitions] : 1;
      t.diagnostic(`SEED=${seed}${count === 1 ? '' : ` and the ${count - 1} after it`}`);
      const { failures, rows, done } = await runMigrations(seed, count, { detection, partitions }, (text) => t.diagnostic(text));
      assert.deepEqual(failures, []);
      assert.ok(rows > 0, 'nothing was compared');
      const missing = undone(done);
      if (missing.length > 0) t.diagnostic(`never went through: ${missing.join(', ')}`);
      if (count === SEEDS.root) assert.ok(missing.length <= RARE, `kinds of change that never went through: ${missing.join(', ')}`);
    });
  }
}
