import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../support/random.js';
import { runSeeds } from './seeds.js';

/** How many seeds, by whose names the log has the rows of partitions. */
const SEEDS = { root: 160, leaf: 40 } as const;

for (const partitions of ['root', 'leaf'] as const) {
  test(`random schemas, values and changes, partitions by the name of their ${partitions}: a live mirror, a late one, a fresh import, one that chose and test_decoding all see what Postgres has`, async (t) => {
    const { seed } = new Random();
    const count = process.env.SEED === undefined ? SEEDS[partitions] : 1;
    t.diagnostic(`SEED=${seed}${count === 1 ? '' : ` and the ${count - 1} after it`}`);
    const { failures, rows, changes } = await runSeeds(seed, count, partitions, (text) => t.diagnostic(text));
    assert.deepEqual(failures, []);
    assert.ok(rows > 0 && changes > 0, 'nothing was compared');
  });
}
